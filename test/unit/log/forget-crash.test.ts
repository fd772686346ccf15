import { expect, it } from '@jest/globals'
import { STEPS } from '../../support/compaction-crash.ts'
import { crashForgetting } from '../../support/forget-crashes.ts'

it('a log that forgets rows, struck by a fault in every step, loses no other row, revives none and leaves no file behind', async () => {
  const { removed, ...struck } = await crashForgetting(40, 1)
  for (const step of STEPS) expect(struck[step]).toBeGreaterThan(0)
  expect(removed).toBeGreaterThan(300)
}, 60_000)
