import { Random, seedFrom } from '../crash/random.ts'
import { LoadHistories, newFigures } from '../support/load-histories.ts'
import { startPostgres } from '../support/postgres.ts'
import type { Figures, FullRun } from '../support/run-full.ts'

/** Then another database, with a first load. */
const OF_ONE_LOG = 40

/**
 * 2,000 random histories with rows read again, tables added, statements that change rows without events, and restarts,
 * at a real server: after each the log has every row as the table has it, whole, and no key ever goes back. `--seed N`
 * repeats the choices of a run, `--histories N` bends its length.
 */
const run: FullRun = async args => {
  const seed = seedFrom(args)
  const at = args.indexOf('--histories')
  const histories = at === -1 ? 2000 : Number(args[at + 1])
  console.log(`seed: ${seed}`)
  const random = new Random(seed)
  const figures = newFigures()
  await using server = await startPostgres()
  while (figures.histories < histories) {
    const until = Math.min(histories, figures.histories + OF_ONE_LOG)
    await using rig = await LoadHistories.open(server, random.fork(figures.histories), figures)
    while (figures.histories < until) await rig.history()
  }
  const told: Figures = { seed, ...figures }
  return told
}

export default run
