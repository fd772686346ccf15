import { describe, expect, it } from '@jest/globals'
import { horizonSince, type Removals, removalNumber, withRemoval } from '../../../runtime/log/embedded/removals.ts'
import { Random } from '../../crash/random.ts'

describe('the removals of a log', () => {
  it('are one while each goes further than the one before', () => {
    expect([5, 9, 30].reduce<Removals>(withRemoval, [])).toEqual([{ number: 30, to: 30 }])
  })

  it('tell for each beginning up to where it misses a delete, and too much only where they are many', () => {
    const random = new Random(1)
    for (let run = 0; run < 200; run++) {
      const tos: number[] = []
      /** Number behind each. */
      const numbers: number[] = [0]
      let removals: Removals = []
      for (let i = random.between(1, 60); i > 0; i--) {
        const to = random.between(1, 1000)
        tos.push(to)
        removals = withRemoval(removals, to)
        numbers.push(removalNumber(removals))
      }
      expect([...numbers].sort((a, b) => a - b)).toEqual(numbers)
      expect(removals.length).toBeLessThanOrEqual(32)
      for (const [i, begun] of numbers.entries())
        expect(horizonSince(removals, begun)).toBe(Math.max(0, ...tos.slice(i)))
    }
    let many: Removals = []
    for (let to = 100; to > 0; to--) many = withRemoval(many, to)
    expect(many.length).toBeLessThanOrEqual(32)
    expect(horizonSince(many, 0)).toBe(100)
    for (let i = 0; i < 100; i++) expect(horizonSince(many, 100 + i)).toBeGreaterThanOrEqual(100 - i - 1)
  })
})
