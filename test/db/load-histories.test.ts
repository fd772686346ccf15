/** A small dose of `npm run test:full -- load-histories`. */
import { expect, it } from '@jest/globals'
import { Random, seedFrom } from '../crash/random.ts'
import { LoadHistories, newFigures } from '../support/load-histories.ts'
import { startPostgres } from '../support/postgres.ts'

const HISTORIES = 20

it('holds every row whole through loads, added tables, changes without events and restarts, and no key goes back', async () => {
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
