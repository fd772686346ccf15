import { describe, expect, it } from '@jest/globals'
import { formatLsn, parseLsn, roundInsertLsn, widenXid } from '../../../connectors/postgres/position.ts'

describe('positions', () => {
  it('keep all 64 bits through text', () => {
    for (const text of ['0/0', '0/1', '16/B374D848', 'FFFFFFFF/FFFFFFFF', '1/0'])
      expect(formatLsn(parseLsn(text))).toBe(text)
    expect(parseLsn('16/B374D848')).toBe(0x16_b374_d848n)
  })

  it('of another source are refused', () => {
    for (const text of ['', 'binlog.000001:4', '1/2/3', '0/123456789'])
      expect(() => parseLsn(text)).toThrow(expect.objectContaining({ code: 'SOURCE_POSITION' }))
  })

  it('behind an empty page header are rounded down to the page, those of a segment too, and others stay', () => {
    const round = (text: string) => formatLsn(roundInsertLsn(parseLsn(text), 8192n, 16n * 1024n * 1024n))
    expect(round('0/3002018')).toBe('0/3002000')
    expect(round('0/4000028')).toBe('0/4000000')
    expect(round('0/3002020')).toBe('0/3002020')
    expect(round('0/3002028')).toBe('0/3002028')
    expect(round('0/3002000')).toBe('0/3002000')
  })
})

describe('transaction numbers', () => {
  it('are widened to the nearest, across the turn of 32 bits in both directions', () => {
    expect(widenXid(700, 740n)).toBe(700n)
    expect(widenXid(5, 0x1_ffff_fff0n)).toBe(0x2_0000_0005n)
    expect(widenXid(0xffff_fff0, 0x2_0000_0005n)).toBe(0x1_ffff_fff0n)
    expect(widenXid(3, 0xffff_ffffn)).toBe(0x1_0000_0003n)
  })
})
