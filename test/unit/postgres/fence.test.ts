import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { EXPORTED_FENCE, Fences } from '../../../connectors/postgres/fence.ts'
import type { Fence, Position, TransactionId } from '../../../runtime/contract.ts'

const fenceOf = (data: string): Fence => ({ data, high: '0/1' as Position })
const asId = (xid: bigint): TransactionId => xid.toString() as TransactionId

/** A moment at a server: numbers given so far, and which of them are still running. */
const moment = fc
  .record({
    first: fc.bigInt({ min: 3n, max: 2n ** 63n }),
    states: fc.array(fc.boolean(), { maxLength: 40 }),
  })
  .map(({ first, states }) => {
    const running = states.flatMap((isRunning, i) => (isRunning ? [first + BigInt(i)] : []))
    const xmax = first + BigInt(states.length)
    const xmin = running[0] ?? xmax
    return { first, xmax, running: new Set(running), text: `${xmin}:${xmax}:${running.join(',')}` }
  })

describe('a fence', () => {
  it('saw exactly the transactions that had ended: of the numbers given then, those that do not run', () => {
    const fences = new Fences()
    fc.assert(
      fc.property(moment, fc.integer({ min: -60, max: 60 }), ({ first, xmax, running, text }, distance) => {
        const xid = first + BigInt(distance)
        if (xid < 1n) return
        expect(fences.sees(fenceOf(text), asId(xid))).toBe(xid < xmax && !running.has(xid))
      }),
      { numRuns: 2000 },
    )
  })

  it('compares numbers as numbers: across a change of length, and beyond what a double holds', () => {
    const fences = new Fences()
    const sees = (data: string, xid: string): boolean => fences.sees(fenceOf(data), xid as TransactionId)
    expect(sees('99:101:99', '100')).toBe(true)
    expect(sees('99:101:99', '99')).toBe(false)
    expect(sees('100:100:', '99')).toBe(true)
    expect(sees('99:99:', '100')).toBe(false)
    expect(sees('9007199254740993:9007199254740993:', '9007199254740992')).toBe(true)
    expect(sees('9007199254740993:9007199254740993:', '9007199254740993')).toBe(false)
  })

  it('of an exported snapshot saw nothing that the stream brings', () => {
    expect(new Fences().sees(fenceOf(EXPORTED_FENCE), asId(3n))).toBe(false)
  })

  it.each(['', '1:2', '5:7:6;', '05:7:', 'x:y:z'])('that cannot be read is refused: %p', data => {
    expect(() => new Fences().sees(fenceOf(data), asId(3n))).toThrow(expect.objectContaining({ code: 'FENCE_UNKNOWN' }))
  })
})
