import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { columnNames, fitName, type NameRules, Names, nameFrom, nameTemplate } from '../../../runtime/naming.ts'

const files: NameRules = {
  maxBytes: 60,
  holds: (c, first) => !/[/\\\p{Cc}]/u.test(c) && !(first && /[._]/.test(c)),
  caseless: true,
}
const table = (schema: string, name: string, source = 'app') => ({
  name: `${source}.${schema}.${name}`,
  source,
  schema,
  table: name,
})

describe('where a row lands', () => {
  it('fills the template with the parts of the name', () => {
    const parts = { pipeline: 'shop', source: 'app', schema: 'public', table: 'orders' }
    expect(nameFrom('{pipeline}-{source}-{schema}-{table}', parts, files)).toBe('shop-app-public-orders')
  })

  it('leaves a name alone that the target can hold', () => {
    expect(fitName('100% of it', files)).toBe('100% of it')
  })

  it('escapes what the target cannot hold, and then the escape sign too', () => {
    expect(fitName('../a%b', files)).toBe('%2E.%2Fa%25b')
    expect(fitName('_x', files)).toBe('%5Fx')
  })

  it('never exceeds the length, never splits a character, and keeps long names apart', () => {
    const anyText = fc.string({ unit: 'grapheme', maxLength: 120 })
    fc.assert(
      fc.property(anyText, anyText, (a, b) => {
        const [x, y] = [fitName(a, files), fitName(b, files)]
        expect(Buffer.byteLength(x)).toBeLessThanOrEqual(60)
        expect(x.isWellFormed()).toBe(true)
        expect([...x].every((c, i) => files.holds(c, i === 0))).toBe(true)
        if (a !== b && Buffer.byteLength(a) > 60 && Buffer.byteLength(b) > 60) expect(x).not.toBe(y)
      }),
    )
  })

  it('refuses two tables on one name, also across sources and letter case', () => {
    const names = new Names('{schema}_{table}', 'shop', files)
    expect(names.of(table('a_b', 'c'))).toBe('a_b_c')
    expect(names.of(table('a_b', 'c'))).toBe('a_b_c')
    expect(() => names.of(table('a', 'b_c'))).toThrow(expect.objectContaining({ code: 'NAME_COLLISION' }))
    expect(() => names.of(table('A_B', 'c'))).toThrow(expect.objectContaining({ code: 'NAME_COLLISION' }))
    expect(() => names.of(table('a_b', 'c', 'other'))).toThrow(/app\.a_b\.c and other\.a_b\.c/)
  })

  it('escapes the first character of a name that the target keeps for itself', () => {
    const rules = { ...files, reserved: /^sqlite_/i }
    expect(fitName('sqlite_x', rules)).toBe('%73qlite_x')
    expect(fitName('my_sqlite_x', rules)).toBe('my_sqlite_x')
  })

  it('gives a column no name that is in use', () => {
    const [name] = columnNames(['_deleted'], { ...files, holds: () => true }, ['_deleted'])
    expect(name).toMatch(/^_deleted_[0-9a-f]{16}$/)
  })

  it('keeps columns apart that differ only in case', () => {
    expect(columnNames(['name', 'Name', 'NAME'], files)).toEqual(['name', '%4Eame', '%4E%41%4D%45'])
    expect(new Set(columnNames(['a', 'A', '%41'], files).map(n => n.toLowerCase())).size).toBe(3)
  })

  it('takes only templates whose tables stay apart', () => {
    const option = nameTemplate('{schema}.{table}')
    expect(option.parse(undefined)).toBe('{schema}.{table}')
    for (const wrong of ['{schema}', 'x', '{table}{day}', '{table}{', '{{table}}'])
      expect(option.safeParse(wrong).success).toBe(false)
  })
})
