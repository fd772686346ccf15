import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { encodeCells } from '../../../runtime/record/cells.ts'
import { hasMember, mergeRows } from '../../../runtime/record/json-merge.ts'
import { keyText } from '../../../runtime/record/key.ts'
import { addressOf } from '../../../sinks/redis/address.ts'
import { KeyNames, keyFromPart, keyPart, ownerOf, patternOfAll } from '../../../sinks/redis/key-names.ts'
import { column, table } from '../../support/scripted-log.ts'

const hostile = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'a:%|x25.*\\é\n\u0000🌊{}'), maxLength: 8 }),
  fc.string({ unit: 'grapheme', maxLength: 8 }),
)

describe('keys', () => {
  it('come back from their text, whatever they hold', () => {
    const cell = fc.oneof(hostile, fc.constant(Buffer.from([0xff, 0x61])), fc.constantFrom('%x61', '%25x', '%', 'x|y'))
    fc.assert(
      fc.property(fc.array(cell, { minLength: 1, maxLength: 3 }), cells => {
        const columns = cells.map((_, i) => column(`c${i}`, 'text'))
        const of = table(1, 'public.t', columns, { key: cells.map((_, i) => i) })
        const key = encodeCells(cells)
        expect(String(keyPart(key))).toBe(keyText(key))
        expect(Buffer.from(keyFromPart(keyText(key), of)!)).toEqual(Buffer.from(key))
      }),
      { numRuns: 1000 },
    )
  })

  it.each(['{schema}.{table}', '{table}', 'x:{schema}:{table}', '{source}{schema}{table}:rows'])(
    'of two tables never meet, with the template %s',
    template => {
      fc.assert(
        fc.property(hostile, hostile, hostile, hostile, hostile, (schema, one, otherSchema, other, part) => {
          const names = new KeyNames(template, 'shop')
          const first = table(1, 'a.b', [], { name: 'first', schema, table: one })
          const second = table(2, 'a.b', [], { name: 'second', schema: otherSchema, table: other })
          const name = names.of(first)
          const key = `${name}:${part}`
          expect(names.nameIn(key)).toBe(name)
          let otherName: string
          try {
            otherName = names.of(second)
          } catch {
            // One name for both: refused.
            return
          }
          expect(ownerOf(key, new Set([otherName]))).toBeUndefined()
        }),
        { numRuns: 500 },
      )
    },
  )

  it.each(['{schema}.{table}', 'x:{schema}:{table}'])('of a generation are those of no other, with %s', template => {
    const [live, next, previous] = ['', '_tailrace_next_', '_tailrace_previous_'].map(
      prefix => new KeyNames(template, 'shop', prefix),
    )
    fc.assert(
      fc.property(hostile, hostile, hostile, (schema, own, part) => {
        const of = table(1, 'a.b', [], { schema, table: own })
        const name = next!.of(of)
        expect(name).toBe(`_tailrace_next_${live!.of(of)}`)
        expect(next!.nameIn(`${name}:${part}`)).toBe(name)
        for (const other of [live!, previous!]) {
          expect(other.nameIn(`${name}:${part}`)).toBeUndefined()
          expect(next!.nameIn(`${other.of(of)}:${part}`)).toBeUndefined()
        }
      }),
    )
    expect(live!.nameIn('_tailrace:shop:copy~next:app')).toBeUndefined()
  })

  it('of several tables fit one pattern', () => {
    const pattern = (...names: string[]): string => patternOfAll(new Set(names))
    expect(pattern('public.a')).toBe('public.a:*')
    expect(pattern('public.a', 'public.ab', 'public.b')).toBe('public.*')
    expect(pattern('p[1]x', 'p[1]y')).toBe('p\\[1\\]*')
    expect(pattern('a', 'b')).toBe('*')
    expect(pattern('t🌊', 't🌋')).toBe('t*')
  })

  it('of a table are never the ones the sink keeps for itself', () => {
    const of = table(1, 'a.b', [], { table: '_tailrace', schema: '' })
    expect(new KeyNames('{table}', 'shop').of(of)).toBe('%5Ftailrace')
  })
})

describe('rows that lack columns', () => {
  const merge = (former: string, present: string): string | undefined =>
    mergeRows(Buffer.from(former), Buffer.from(present))?.toString()

  it('are completed member by member, digit by digit', () => {
    const former = '{"id":1,"n":12345678901234567890.10,"t":"a\\"},{\\\\","l":[1,{"x":"]"},[]],"é":null}'
    expect(merge(former, '{"id":1,"t":"new"}')).toBe(
      '{"n":12345678901234567890.10,"l":[1,{"x":"]"},[]],"é":null,"id":1,"t":"new"}',
    )
    expect(merge('{}', '{"id":1}')).toBe('{"id":1}')
    expect(merge('{"__proto__":1}', '{"id":1}')).toBe('{"__proto__":1,"id":1}')
  })

  it('are what parsing and merging would give', () => {
    fc.assert(
      fc.property(fc.dictionary(hostile, fc.jsonValue()), fc.dictionary(hostile, fc.jsonValue()), (former, present) => {
        const merged = JSON.parse(merge(JSON.stringify(former), JSON.stringify(present))!) as object
        const wanted = new Map([...Object.entries(former), ...Object.entries(present)])
        expect(new Map(Object.entries(merged))).toEqual(new Map(JSON.parse(JSON.stringify([...wanted])) as []))
      }),
      { numRuns: 500 },
    )
  })

  it.each(['', 'x', '1', '[]', '{', '{"a"', '{"a":}', '{"a":1', '{"a":1}}', '{"a":1}x', '{"a":"1}', '{a:1}'])(
    'are not completed from what is no row: %s',
    former => {
      expect(merge(former, '{"id":1}')).toBeUndefined()
      expect(hasMember(Buffer.from(former), 'a')).toBeUndefined()
    },
  )
})

describe('the url', () => {
  it('says where the server is and how to log in', () => {
    expect(addressOf('redis://127.0.0.1')).toEqual({
      ...{ host: '127.0.0.1', port: 6379, database: 0, tls: undefined, unverified: false },
      ...{ user: undefined, password: undefined },
    })
    expect(addressOf('redis://u%40:p%3A%2F@localhost:7000/12')).toMatchObject({
      ...{ host: 'localhost', port: 7000, database: 12, user: 'u@', password: 'p:/', tls: undefined },
    })
    expect(addressOf('redis://:secret@[::1]/')).toMatchObject({ host: '::1', user: undefined, password: 'secret' })
  })

  it('asks every server to prove itself, except on this machine without rediss', () => {
    const verified = { rejectUnauthorized: true }
    for (const url of ['redis://cache.example', 'rediss://cache.example', 'rediss://127.0.0.1'])
      expect(addressOf(url).tls).toMatchObject(verified)
    expect(addressOf('redis://cache.example').tls).toMatchObject({ servername: 'cache.example' })
    expect(addressOf('redis://cache.example?sslmode=disable').tls).toBeUndefined()
    expect(addressOf('redis://cache.example?sslmode=require').unverified).toBe(true)
    expect(addressOf('redis://127.0.0.1.example').tls).toMatchObject(verified)
  })

  it.each([
    ['nonsense', 'not a URL'],
    ['http://127.0.0.1', 'begin with redis://'],
    ['redis://', 'no host'],
    ['redis://127.0.0.1/shop', 'database number'],
    ['redis://127.0.0.1?timeout=1', 'timeout'],
    ['redis://user@127.0.0.1', 'no password'],
    ['redis://127.0.0.1?sslmode=prefer', 'prefer'],
    ['rediss://127.0.0.1?sslrootcert=/does/not/exist', 'sslrootcert'],
  ])('%s is refused: %s', (url, why) => {
    expect(() => addressOf(url)).toThrow(
      expect.objectContaining({ code: 'CONFIG_URL', message: expect.stringContaining(why) }),
    )
  })
})
