import { expect, it } from '@jest/globals'
import { Random, seedFrom } from '../crash/random.ts'
import { LoadHistories, newFigures } from '../support/load-histories.ts'
import { startPostgres } from '../support/postgres.ts'

/** In full: `npm run test:full -- load-histories`. */
const HISTORIES = 25

it('the log has every row as its table does after rows read again, DDL without events and restarts', async () => {
  const seed = seedFrom([])
  const figures = newFigures()
  await using server = await startPostgres()
  await using rig = await LoadHistories.open(server, new Random(seed), figures)
  try {
    while (figures.histories < HISTORIES) await rig.history()
  } catch (cause) {
    throw new Error(`failed with seed ${seed} after ${figures.histories} histories`, { cause })
  }
  expect(figures.records).toBeGreaterThan(HISTORIES)
}, 180_000)
