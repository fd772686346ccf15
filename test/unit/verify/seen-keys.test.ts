import { describe, expect, it } from '@jest/globals'
import { keyFromTexts } from '../../../runtime/record/key.ts'
import { SeenKeys } from '../../../runtime/verify/seen-keys.ts'

function key(i: number): Uint8Array {
  return keyFromTexts([String(i)])
}

describe('SeenKeys', () => {
  it('knows the keys that it met, and no other', () => {
    const seen = new SeenKeys()
    for (let i = 0; i < 200_000; i += 2) seen.add(key(i))
    let wrong = 0
    for (let i = 0; i < 200_000; i++) if (seen.has(key(i)) !== (i % 2 === 0)) wrong++
    expect(wrong).toBe(0)
  })

  it('is bounded: of what comes when it is full it knows nothing, and what it knows it keeps', () => {
    const seen = new SeenKeys(1 << 13)
    for (let i = 0; i < 20_000; i++) seen.add(key(i))
    const known = Array.from({ length: 20_000 }, (_, i) => seen.has(key(i)))
    expect(known.filter(Boolean).length).toBe(0.75 * (1 << 13))
    expect(known.slice(0, 6000).every(Boolean)).toBe(true)
  })
})
