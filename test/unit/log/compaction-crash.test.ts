import { describe, expect, it } from '@jest/globals'
import { Random } from '../../crash/random.ts'
import { crashCompaction, STEPS, stepOf } from '../../support/compaction-crash.ts'

const SEEDS = 50
const LIVES = 6

describe('the compaction of a log, struck by a fault in every step', () => {
  it('loses no row, revives none and leaves no file behind', async () => {
    const struck = new Set<string | undefined>()
    for (let seed = 1; seed <= SEEDS; seed++) {
      try {
        for (const place of await crashCompaction(new Random(seed), LIVES)) struck.add(stepOf(place))
      } catch (cause) {
        throw new Error(`seed ${seed}`, { cause })
      }
    }
    expect([...struck]).toEqual(expect.arrayContaining([...STEPS]))
  }, 60_000)
})
