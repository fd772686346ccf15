import { describe, expect, it } from '@jest/globals'
import { Random } from '../../crash/random.ts'
import { crashCompaction, STEPS, stepOf } from '../../support/compaction-crash.ts'
import { ForgetWork } from '../../support/forget-work.ts'

const SEEDS = 60
const LIVES = 6

describe('a log that forgets rows, struck by a fault in every step, 1,000 times', () => {
  it.each([1, 2, 3])(
    'loses no other row, revives none and leaves no file behind (part %i)',
    async part => {
      const struck: string[] = []
      let removed = 0
      for (let seed = part * SEEDS; seed < (part + 1) * SEEDS; seed++) {
        const work = new ForgetWork(new Random(seed).fork(1))
        try {
          struck.push(...(await crashCompaction(new Random(seed), LIVES, work)))
        } catch (cause) {
          throw new Error(`seed ${seed}`, { cause })
        }
        removed += work.removed
      }
      expect(struck.map(stepOf)).toEqual(expect.arrayContaining([...STEPS]))
      expect(struck.length).toBeGreaterThanOrEqual(334)
      expect(removed).toBeGreaterThan(1000)
    },
    60_000,
  )
})
