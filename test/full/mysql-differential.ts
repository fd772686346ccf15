import { Random, seedFrom } from '../crash/random.ts'
import { differentialRound } from '../support/mysql/differential/round.ts'
import { FLAVORS } from '../support/mysql/releases.ts'
import { startMysql } from '../support/mysql/server.ts'
import type { FullRun } from '../support/run-full.ts'

const OF_ONE_ROUND = 2000

/**
 * 200,000 random statements against MySQL and as many against MariaDB, in rounds with tables of their own: in the end of
 * each our log has the server's rows, and every row of `@vlasky/zongji` is ours, its named faults apart. `--seed N`
 * repeats a run, `--statements N` bends its length, `--flavor mysql|mariadb` takes one of the two, `--round N` begins
 * with that round.
 */
const run: FullRun = async args => {
  const seed = seedFrom(args)
  console.log(`seed: ${seed}`)
  const option = (name: string): string | undefined => {
    const at = args.indexOf(`--${name}`)
    return at === -1 ? undefined : args[at + 1]
  }
  const statements = Number(option('statements') ?? 200_000)
  const only = option('flavor')
  const figures: Record<string, string | number> = { seed }
  for (const flavor of FLAVORS) {
    if (only !== undefined && only !== flavor) continue
    await using server = await startMysql({ flavor, options: ['--local-infile=1'] })
    const add = (figure: string, count: number): void => {
      const name = `${flavor}: ${figure}`
      figures[name] = Number(figures[name] ?? 0) + count
    }
    for (
      let round = Number(option('round') ?? 0);
      Number(figures[`${flavor}: statements`] ?? 0) < statements;
      round++
    ) {
      const left = statements - Number(figures[`${flavor}: statements`] ?? 0)
      const random = new Random(seed).fork(round)
      const { faults, ...counts } = await differentialRound(server, Math.min(left, OF_ONE_ROUND), random).catch(
        error => {
          throw new Error(`round ${round} of ${flavor}, seed ${seed}: ${String(error)}`, { cause: error })
        },
      )
      for (const [figure, count] of Object.entries(counts)) add(figure, count)
      console.log(`${flavor} round ${round}: ${counts.rows} rows of ${counts.transactions} transactions are the same`)
      for (const [fault, count] of faults) add(`zongji: ${fault}`, count)
    }
  }
  return figures
}

export default run
