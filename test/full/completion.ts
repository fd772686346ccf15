import { Random, seedFrom } from '../crash/random.ts'
import { CompletionHistories } from '../support/completion-histories.ts'
import { startPostgres } from '../support/postgres.ts'
import type { FullRun } from '../support/run-full.ts'

/**
 * 2,000 random histories with wide values that the server leaves out of updates, against a real server: after each the
 * log has every row as the table has it, whole. `--seed N` repeats a run, `--histories N` bends its length.
 */
const run: FullRun = async args => {
  const seed = seedFrom(args)
  const at = args.indexOf('--histories')
  const histories = at === -1 ? 2000 : Number(args[at + 1])
  console.log(`seed: ${seed}`)
  await using server = await startPostgres()
  await using rig = await CompletionHistories.open(server, new Random(seed))
  while (rig.figures.histories < histories) await rig.history()
  return { seed, ...rig.figures }
}

export default run
