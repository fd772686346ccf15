import { describe, expect, it } from '@jest/globals'
import { crashLog } from '../../support/log-crash.ts'

const SEEDS = 420
const LIVES = 6

describe('the embedded log', () => {
  it('keeps every acknowledged unit, tears none and reuses no offset through 2,000 crash points', async () => {
    let crashPoints = 0
    for (let seed = 1; seed <= SEEDS; seed++) {
      try {
        crashPoints += (await crashLog(seed, LIVES)).crashPoints
      } catch (cause) {
        throw new Error(`seed ${seed}`, { cause })
      }
    }
    expect(crashPoints).toBeGreaterThanOrEqual(2000)
  })
})
