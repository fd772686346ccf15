/** A small dose of `npm run test:full -- late-commits`: one run with each party of writers. */
import { expect, it } from '@jest/globals'
import { Random, seedFrom } from '../crash/random.ts'
import { LateCommits } from '../support/late-commits.ts'
import { LATE_SETTINGS } from '../support/late-writers.ts'
import { startPostgres } from '../support/postgres.ts'

const RUNS = 6

it('no load puts an older row over a newer one, also where commits become visible late and out of order', async () => {
  const seed = seedFrom([])
  await using server = await startPostgres({ settings: LATE_SETTINGS })
  await using rig = await LateCommits.open(server, new Random(seed))
  try {
    while (rig.figures.runs < RUNS) await rig.run()
  } catch (cause) {
    throw new Error(`failed with seed ${seed} after ${rig.figures.runs} runs`, { cause })
  }
  expect(rig.figures.released).toBeGreaterThan(RUNS)
}, 180_000)
