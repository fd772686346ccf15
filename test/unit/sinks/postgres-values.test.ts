import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { encodeCells } from '../../../runtime/record/cells.ts'
import { CopyText } from '../../../sinks/postgres/copy-text.ts'
import { nameIn } from '../../../sinks/postgres/layout.ts'
import { RowTexts } from '../../../sinks/postgres/row-texts.ts'
import { shownOf } from '../../../sinks/postgres/shown.ts'
import { castOf, comparedAs, storageOf, widens } from '../../../sinks/postgres/storage.ts'
import { storedForm, textOfStored } from '../../../sinks/postgres/stored-text.ts'
import { column } from '../../support/scripted-log.ts'

describe('values of the postgres sink', () => {
  it('every text comes back from how it is stored, and none is stored with a zero byte', () => {
    const parts = fc.constantFrom('\0', '\\x', '00', '61', '5c78', 'ff', 'a', '\\', 'é')
    fc.assert(
      fc.property(
        fc.array(parts).map(list => list.join('')),
        text => {
          const bytes = Buffer.from(text)
          const stored = storedForm(bytes, 0, bytes.length) ?? text
          expect(stored).not.toContain('\0')
          expect(textOfStored(stored)).toBe(text)
          const again = Buffer.from(stored)
          expect(textOfStored(storedForm(again, 0, again.length) ?? stored)).toBe(stored)
        },
      ),
    )
  })

  it('bytes that are not text stay the text that tells of them', () => {
    for (const hex of ['ff', '00ff', '5c7800ff']) expect(textOfStored(`\\x${hex}`)).toBe(`\\x${hex}`)
    expect(textOfStored('\\x6100')).toBe('a\0')
    expect(textOfStored('\\x61')).toBe('\\x61')
  })

  it('COPY is given each value escaped, and null as null', () => {
    const texts = new RowTexts(
      ['a', 'b', 'c'].map(name => ({ name, storage: 'text' })),
      { kind: 'put' },
      '',
    )
    const cells = encodeCells(['tab\tline\nreturn\rback\\slash\\.', null, ''])
    const pieces = [...new CopyText().pieces(texts, [{ cells, index: 0, version: 0n }])]
    expect(Buffer.concat(pieces).toString()).toBe('tab\\tline\\nreturn\\rback\\\\slash\\\\.\t\\N\t\n')
  })

  it('are read as their type without its modifier, or as text where a cast would cut them', () => {
    const casts = [
      ['character varying(3)', ''],
      ['character(3)', ''],
      ['character(3)[]', 'text[]'],
      ['numeric(10,2)', 'numeric'],
      ['numeric(10,2)[]', 'numeric[]'],
      ['bit(3)', 'bit varying'],
      ['bit(3)[]', 'bit varying[]'],
      ['timestamp(3) with time zone', 'timestamp with time zone'],
      ['interval day to second(3)', 'interval'],
      ['public.vector(3)', 'public.vector'],
    ] as const
    for (const [type, cast] of casts) expect([type, castOf(type)]).toEqual([type, cast])
    expect(comparedAs('character(3)')).toBe('bpchar')
  })

  it('widen to what holds them with the same text, and to nothing else', () => {
    const wide = [
      ['smallint', 'bigint'],
      ['numeric(5,2)', 'numeric(9,2)'],
      ['numeric(5,2)', 'numeric'],
      ['character varying(3)', 'character varying(9)'],
      ['timestamp(0) with time zone', 'timestamp(6) with time zone'],
      ['date', 'text'],
    ] as const
    for (const [from, to] of wide)
      expect([from, to, widens(from, to), widens(to, from)]).toEqual([from, to, true, false])
    const apart = [
      ['numeric(5,2)', 'numeric(9,3)'],
      ['integer', 'date'],
      ['character(3)', 'character(5)'],
      ['timestamp without time zone', 'timestamp with time zone'],
      ['integer', 'integer[]'],
    ] as const
    for (const [from, to] of apart)
      expect([from, to, widens(from, to), widens(to, from)]).toEqual([from, to, false, false])
  })

  it('are keyed by text where equal values are written in several ways', () => {
    const key = { asText: false, chosen: undefined, isKey: true }
    expect(storageOf(column('k', { kind: 'decimal' }, 'numeric'), key)).toBe('text')
    expect(storageOf(column('k', { kind: 'decimal', precision: 9, scale: 2 }, 'numeric(9,2)'), key)).toBe(
      'numeric(9,2)',
    )
    expect(storageOf(column('k', { kind: 'json' }, 'jsonb'), key)).toBe('text')
    expect(storageOf(column('k', { kind: 'array', element: { kind: 'int32' } }, 'integer[]'), key)).toBe('text')
  })

  it('are shown as PostgreSQL prints them', () => {
    const shown = [
      ['2024-02-29 12:00:00.500', 'timestamp(3) without time zone', '2024-02-29 12:00:00.5'],
      ['2024-02-29 12:00:00.000', 'timestamp(3) without time zone', '2024-02-29 12:00:00'],
      ['2024-02-29 12:00:00.120+00', 'timestamp(3) with time zone', '2024-02-29 12:00:00.12+00'],
      ['2024-02-29 12:00:00.5+05:30', 'timestamp with time zone', '2024-02-29 06:30:00.5+00'],
      ['1e15', 'double precision', '1e+15'],
      ['3.4028235e38', 'real', '3.4028235e+38'],
      ['007', 'integer', '7'],
      ['-0.0', 'numeric(4,2)', '0.00'],
      ['1.5', 'numeric(4,2)', '1.50'],
      ['abc', 'bytea', '\\x616263'],
      ['{1e15,NULL}', 'double precision[]', '{1e+15,NULL}'],
    ] as const
    for (const [text, storage, expected] of shown)
      expect([storage, shownOf(column('c', 'text'), storage)!(text)]).toEqual([storage, expected])
  })

  it('lie in hidden tables whose names fit', () => {
    const names = ['a', 'b'].map(last => nameIn('previous', 'n'.repeat(62) + last))
    expect(new Set(names.map(name => name.slice(0, 20)))).toEqual(new Set(['_tailrace_previous_n']))
    expect(new Set(names).size).toBe(2)
    for (const name of names) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63)
  })
})
