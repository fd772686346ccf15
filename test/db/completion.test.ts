/** A small dose of `npm run test:full -- completion`. */
import { expect, it } from '@jest/globals'
import { Random, seedFrom } from '../crash/random.ts'
import { CompletionHistories } from '../support/completion-histories.ts'
import { startPostgres } from '../support/postgres.ts'

const HISTORIES = 100

it('holds every row whole, through key changes, deletes, truncates, rollbacks and restarts', async () => {
  const seed = seedFrom([])
  await using server = await startPostgres()
  await using rig = await CompletionHistories.open(server, new Random(seed))
  try {
    while (rig.figures.histories < HISTORIES) await rig.history()
  } catch (cause) {
    throw new Error(`failed with seed ${seed} after ${rig.figures.histories} histories`, { cause })
  }
  expect(rig.figures.records).toBeGreaterThan(HISTORIES)
}, 120_000)
