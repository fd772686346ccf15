import { Random, seedFrom } from '../crash/random.ts'
import { LateCommits } from '../support/late-commits.ts'
import { LATE_SETTINGS } from '../support/late-writers.ts'
import { startPostgres } from '../support/postgres.ts'
import type { FullRun } from '../support/run-full.ts'

/**
 * 200 runs of loads beside the stream of a server whose commits become visible late and out of the order of its WAL: no
 * key of the log ever goes back, and after each the log is the table. `--seed N` repeats the choices of a run, `--runs N`
 * bends its length.
 */
const run: FullRun = async args => {
  const seed = seedFrom(args)
  const at = args.indexOf('--runs')
  const runs = at === -1 ? 200 : Number(args[at + 1])
  console.log(`seed: ${seed}`)
  await using server = await startPostgres({ settings: LATE_SETTINGS })
  await using rig = await LateCommits.open(server, new Random(seed))
  while (rig.figures.runs < runs) await rig.run()
  return { seed, ...rig.figures }
}

export default run
