import { expect, it } from '@jest/globals'
import { Random } from '../../crash/random.ts'
import { differentialRound } from '../../support/mysql/differential/round.ts'
import { describeFlavors } from '../../support/mysql/flavors.ts'

/** `npm run test:full -- mysql-differential` runs a hundred times as many, by another seed each time. */
const STATEMENTS = 2000
const SEED = 14

await describeFlavors(
  server => {
    it('after random statements the log has the server’s rows, and those of zongji but for its known faults', async () => {
      const figures = await differentialRound(server(), STATEMENTS, new Random(SEED))
      expect(figures.statements).toBeGreaterThanOrEqual(STATEMENTS)
      expect(figures.rows).toBeGreaterThan(100)
    }, 300_000)
  },
  { options: ['--local-infile=1'] },
)
