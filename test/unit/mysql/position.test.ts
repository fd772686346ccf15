import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import {
  type BinlogPosition,
  comparePlaces,
  covers,
  formatPlace,
  formatPosition,
  parsePlace,
  parsePosition,
} from '../../../connectors/mysql/position.ts'

const UUID = '3e11fa47-71ca-11e1-9e33-c80aa9429562'
const OTHER = '8a94f357-aab4-11df-86ab-c80aa9429562'

const place = fc.record({
  file: fc
    .tuple(fc.constantFrom('binlog', 'mysql-bin', 'a.b:c'), fc.integer({ min: 1, max: 2_147_483_647 }))
    .map(([base, number]) => `${base}.${String(number).padStart(6, '0')}`),
  offset: fc.bigInt({ min: 0n, max: 2n ** 62n }),
})

const position: fc.Arbitrary<BinlogPosition> = fc
  .tuple(
    place,
    fc.constantFrom('mysql', 'mariadb'),
    fc.constantFrom(UUID, OTHER, '0-1', 'a "quoted" ; name'),
    fc.integer({ min: 0, max: 9 }),
    fc.array(fc.constantFrom("X'6162',X'',1", "X'00',X'63',7"), { maxLength: 2 }),
  )
  .map(([{ file, offset }, flavor, server, n, prepared]) => ({
    file,
    offset,
    flavor: flavor as 'mysql' | 'mariadb',
    server,
    gtids: n === 0 ? undefined : flavor === 'mysql' ? `${UUID}:1-${n}` : `0-1-${n}`,
    prepared,
  }))

const at = (text: string, server = UUID, gtids?: string, flavor: 'mysql' | 'mariadb' = 'mysql') =>
  formatPosition({ flavor, server, ...parsePlace(text), gtids, prepared: [] })

describe('a position', () => {
  it('is read back from its text, and one content has one text', () => {
    fc.assert(
      fc.property(position, value => {
        const text = formatPosition(value)
        expect(parsePosition(text)).toEqual(value)
        expect(formatPosition(parsePosition(text))).toBe(text)
      }),
    )
  })

  it('keeps its form: logs hold it', () => {
    expect(at('binlog.000012:157')).toBe(`{"v":1,"flavor":"mysql","server":"${UUID}","at":"binlog.000012:157"}`)
    expect(
      formatPosition({
        flavor: 'mariadb',
        server: 'app',
        file: 'mariadb-bin.1000000',
        offset: 9_007_199_254_740_993n,
        gtids: '0-1-5',
        prepared: ["X'61',X'',1"],
      }),
    ).toBe(
      '{"v":1,"flavor":"mariadb","server":"app","at":"mariadb-bin.1000000:9007199254740993","gtids":"0-1-5","xa":["X\'61\',X\'\',1"]}',
    )
  })

  it.each([
    '',
    '0/1',
    'binlog.000001:4',
    'null',
    '[]',
    '{}',
    '{"v":0,"flavor":"mysql","server":"a","at":"b.000001:4"}',
    '{"v":1,"flavor":"oracle","server":"a","at":"b.000001:4"}',
    '{"v":1,"flavor":"mysql","server":"a","at":"b.000001"}',
    '{"v":1,"flavor":"mysql","server":"a","at":"b.000001:4","gtids":5}',
    '{"v":1,"flavor":"mysql","server":"a","at":"b.000001:4","xa":"x"}',
    '{"v":1,"flavor":"mysql","server":"a","at":"b.000001:4","xa":[1]}',
    '{"v":2,"flavor":"mysql"}',
  ])('of another source or version is refused: %p', text => {
    expect(() => parsePosition(text)).toThrow(expect.objectContaining({ code: 'SOURCE_POSITION' }))
  })
})

describe('covers', () => {
  it('is a partial order', () => {
    fc.assert(
      fc.property(position, position, position, (a, b, c) => {
        const [x, y, z] = [formatPosition(a), formatPosition(b), formatPosition(c)]
        expect(covers(x, x)).toBe(true)
        if (a.server === b.server && b.server === c.server && covers(x, y) && covers(y, z) && a.gtids === c.gtids)
          expect(covers(x, z) || comparePlaces(a, c) === undefined).toBe(true)
        if (a.flavor !== b.flavor) expect(covers(x, y)).toBe(false)
      }),
    )
  })

  it('on one server goes by file number and offset, as numbers', () => {
    const inOrder = [
      'binlog.000009:99',
      'binlog.000009:100',
      'binlog.000010:4',
      'binlog.000010:9007199254740992',
      'binlog.000010:9007199254740993',
      'binlog.999999:4',
      'binlog.1000000:4',
    ].map(text => at(text))
    inOrder.forEach((a, i) => {
      inOrder.forEach((b, j) => {
        expect(covers(a, b)).toBe(i >= j)
      })
    })
  })

  it('across servers, and across base names, goes by the transactions, else it is false', () => {
    const early = at('binlog.000009:4', UUID, `${UUID}:1-5`)
    const late = at('binlog.000001:4', OTHER, `${UUID}:1-7,${OTHER}:1`)
    expect(covers(late, early)).toBe(true)
    expect(covers(early, late)).toBe(false)
    const renamed = at('log.000001:4', UUID, `${UUID}:1-6`)
    expect(covers(renamed, early)).toBe(true)
    expect(covers(early, renamed)).toBe(false)
    expect(covers(at('binlog.000009:9', OTHER), early)).toBe(false)
    expect(covers(at('log.000009:9'), at('binlog.000009:4'))).toBe(false)
    const diverged = at('binlog.000009:4', UUID, `${UUID}:1-9`)
    expect(covers(late, diverged) || covers(diverged, late)).toBe(false)
  })

  it('knows the states of MariaDB', () => {
    const a = at('m.000001:4', 'one', '0-1-99,0-2-105', 'mariadb')
    expect(covers(a, at('m.000007:4', 'two', '0-1-98', 'mariadb'))).toBe(true)
    expect(covers(a, at('m.000001:4', 'two', '0-1-101', 'mariadb'))).toBe(false)
    expect(covers(a, at('m.000001:4', 'one', `${UUID}:1`, 'mysql'))).toBe(false)
  })
})

describe('a place', () => {
  it('is read back from its text, whatever the base name', () => {
    fc.assert(fc.property(place, value => expect(parsePlace(formatPlace(value))).toEqual(value)))
  })

  it('comes before another or behind it, never both', () => {
    fc.assert(
      fc.property(place, place, (a, b) => {
        const order = comparePlaces(a, b)
        const back = comparePlaces(b, a)
        expect(order === undefined ? back : order + back!).toBe(order === undefined ? undefined : 0)
      }),
    )
  })

  it.each([
    '',
    ':',
    'binlog.000001',
    'binlog.000001:',
    'binlog.1:4',
    'binlog:4',
    '.000001:4',
    'b.000001:04',
    'b.00000x:4',
  ])('%p is none', text => {
    expect(() => parsePlace(text)).toThrow(expect.objectContaining({ code: 'SOURCE_POSITION' }))
  })
})
