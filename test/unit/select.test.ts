import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { isExact, matchesPattern, matchesTable, parseName, parsePattern, qualifiedName } from '../../runtime/select.ts'
import { table } from '../support/records.ts'

const TABLE = ['schema', 'table']
const matches = (pattern: string, ...parts: string[]): boolean => matchesPattern(parsePattern(pattern, TABLE), parts)

describe('names of tables and columns', () => {
  it('any name in any quoting comes back as it was, and means only itself', () => {
    const part = fc.string({ minLength: 1, unit: 'binary' })
    fc.assert(
      fc.property(part, part, part, (schema, name, other) => {
        const text = qualifiedName([schema, name])
        expect(parseName(text, TABLE)).toEqual([schema, name])
        expect(isExact(parsePattern(text, TABLE))).toBe(true)
        expect(matches(text, schema, name)).toBe(true)
        expect(matches(text, schema, other)).toBe(other === name)
      }),
    )
  })

  it('are quoted only where they must be', () => {
    expect(qualifiedName(['public', 'Orders_1'])).toBe('public.Orders_1')
    expect(qualifiedName(['a.b', 'c d', 'e"f', 'g*'])).toBe('"a.b"."c d"."e""f"."g*"')
  })

  it('are exact: no case is folded', () => {
    expect(matches('public.Orders', 'public', 'orders')).toBe(false)
    expect(matches('public.Orders', 'public', 'Orders')).toBe(true)
  })
})

describe('a star', () => {
  it('stands for any text within one part', () => {
    for (const name of ['audit_', 'audit_1', 'audit_a.b']) expect(matches('public.audit_*', 'public', name)).toBe(true)
    expect(matches('public.audit_*', 'public', 'audi')).toBe(false)
    expect(matches('*.*', 'any', 'thing')).toBe(true)
    expect(matches('p*c.*_log*', 'public', 'a_log_1')).toBe(true)
  })

  it('never lets the fixed texts overlap', () => {
    expect(matches('p.ab*ba', 'p', 'aba')).toBe(false)
    expect(matches('p.ab*ba', 'p', 'abba')).toBe(true)
    expect(matches('p.*aa*aa*', 'p', 'aaa')).toBe(false)
    expect(matches('p.*aa*aa*', 'p', 'aaaa')).toBe(true)
    expect(matches('p.a*b*b', 'p', 'ab')).toBe(false)
  })

  it('is an ordinary character inside quotes', () => {
    expect(matches('public."a*"', 'public', 'a*')).toBe(true)
    expect(matches('public."a*"', 'public', 'ab')).toBe(false)
  })

  it('is matched as a regular expression would', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 })
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*'), minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(pattern, text, (star, name) => {
        const expected = new RegExp(`^${star.replaceAll('*', '.*')}$`).test(name)
        expect(matches(`p.${star}`, 'p', name)).toBe(expected)
      }),
    )
  })
})

it.each(['public', 'a.b.c', 'public.', '.t', 'public.a b', 'public.a"b', 'public."a', 'public."a"b', 'public.""', ''])(
  '%j is refused, and how to write it is told',
  text => {
    expect(() => parsePattern(text, TABLE)).toThrow(
      expect.objectContaining({ code: 'CONFIG_PATTERN', hint: expect.stringContaining('double-quoted') }),
    )
  },
)

it('a star is refused where one table must be named', () => {
  expect(() => parseName('public.*', TABLE)).toThrow(expect.objectContaining({ code: 'CONFIG_PATTERN' }))
})

it('sinks name tables by source, schema and table', () => {
  const orders = table('orders')
  expect(matchesTable(['app.public.*'], orders)).toBe(true)
  expect(matchesTable(['other.*.*', 'app.public.customers'], orders)).toBe(false)
})
