/** A small dose of `npm run test:full -- seam`. */
import { expect, it } from '@jest/globals'
import { startPostgres } from '../support/postgres.ts'
import { demandKept } from './checks.ts'
import { seedFrom } from './random.ts'
import { startAcrossSeam } from './seam.ts'

const TRIES = 4

it('loses and repeats nothing at the seam between first load and stream', async () => {
  const seed = seedFrom([])
  console.log(`seed: ${seed}`)
  await using server = await startPostgres()
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const proof = await startAcrossSeam(server, { seed: seed + attempt, rate: 200, filled: 60_000, streamMs: 500 })
    if (proof === undefined) continue
    demandKept(proof.verdict)
    expect(proof.committed).toBeGreaterThan(0)
    expect(proof.sampled.sightings.length).toBeGreaterThan(0)
    return
  }
  throw new Error('in no start was a transaction open across the whole copy')
}, 120_000)
