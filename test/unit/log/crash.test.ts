import { describe, expect, it } from '@jest/globals'
import { crashLog } from '../../support/log-crash.ts'

const SEEDS = 53
const LIVES = 6

describe('the embedded log, crashed 1,000 times', () => {
  it.each([1, 2, 3, 4])('keeps every acknowledged unit, tears none and reuses no offset (part %i)', async part => {
    let crashPoints = 0
    for (let seed = part * SEEDS; seed < (part + 1) * SEEDS; seed++) {
      try {
        crashPoints += (await crashLog(seed, LIVES)).crashPoints
      } catch (cause) {
        throw new Error(`seed ${seed}`, { cause })
      }
    }
    expect(crashPoints).toBeGreaterThanOrEqual(250)
  })
})
