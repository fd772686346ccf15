import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { MariadbGtidState, parseGtidState } from '../../../connectors/mysql/gtid/mariadb-state.ts'

type Gtid = readonly [domain: number, server: number]
/** Numbers of a domain grow, whoever writes: as they do on servers that follow one another. */
const history = fc.array(fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 3 })) as fc.Arbitrary<Gtid>, { maxLength: 40 })

function replay(writes: readonly Gtid[]): { state: MariadbGtidState; written: [number, number, bigint][] } {
  const state = new MariadbGtidState()
  const written: [number, number, bigint][] = []
  writes.forEach(([domain, server], i) => {
    state.add(domain, server, BigInt(i + 1))
    written.push([domain, server, BigInt(i + 1)])
  })
  return { state, written }
}

describe('a state of MariaDB', () => {
  it('contains what was written up to it, and nothing later', () => {
    fc.assert(
      fc.property(history, fc.nat(40), (writes, cut) => {
        const { state } = replay(writes.slice(0, cut))
        const { state: end, written } = replay(writes)
        written.forEach(([domain, server, sequence], i) => {
          expect(end.contains(domain, server, sequence)).toBe(true)
          expect(state.contains(domain, server, sequence)).toBe(i < cut)
        })
        expect(end.includes(state)).toBe(true)
        expect(state.includes(end)).toBe(writes.length <= cut)
      }),
    )
  })

  it('is read back from its text', () => {
    fc.assert(
      fc.property(history, writes => {
        const { state } = replay(writes)
        const again = parseGtidState(state.format())
        expect(again.equals(state)).toBe(true)
        expect(again.formatNewest()).toBe(state.formatNewest())
        expect(state.isEmpty).toBe(writes.length === 0)
      }),
    )
  })

  it('names the newest transaction of each domain to go on behind it', () => {
    const state = parseGtidState('1-8-3,0-7-25')
    state.add(0, 9, 26n)
    expect(state.format()).toBe('0-7-25,0-9-26,1-8-3')
    expect(state.formatNewest()).toBe('0-9-26,1-8-3')
    state.add(0, 7, 18_446_744_073_709_551_615n)
    expect(state.format()).toBe('0-9-26,0-7-18446744073709551615,1-8-3')
  })

  it('does not contain what a server wrote alone before another took over', () => {
    const state = parseGtidState('0-1-99,0-2-105')
    expect(state.contains(0, 1, 99n)).toBe(true)
    expect(state.contains(0, 1, 101n)).toBe(false)
    expect(state.contains(0, 2, 105n)).toBe(true)
    expect(state.contains(0, 3, 105n)).toBe(true)
    expect(state.contains(0, 3, 106n)).toBe(false)
    expect(state.contains(1, 1, 1n)).toBe(false)
  })

  it.each(['', '  ', ' 0-1-5 ,\n1-4294967295-18446744073709551615'])('%p is one', text => {
    expect(parseGtidState(text).format()).toBe(text.replace(/\s/g, ''))
  })

  it.each(['0-1', '0-1-', ',', '0-1-5,', '0-4294967296-1', '0-1-18446744073709551616', '01-1-1', 'a-b-c', '0-1-1-1'])(
    '%p is none',
    text => {
      expect(() => parseGtidState(text)).toThrow(expect.objectContaining({ code: 'GTID_UNREADABLE' }))
    },
  )
})
