import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { CopyText, cellsSize } from '../../../connectors/postgres/copy-text.ts'
import { encodeCells } from '../../../runtime/record/cells.ts'

const LIMIT = 1 << 30

/** As the server writes it. */
function copyLine(values: readonly (string | null)[]): string {
  const letters: Record<string, string> = {
    '\b': 'b',
    '\f': 'f',
    '\n': 'n',
    '\r': 'r',
    '\t': 't',
    '\v': 'v',
    '\\': '\\',
  }
  return values
    .map(value => (value === null ? '\\N' : value.replace(/[\b\f\n\r\t\v\\]/g, c => `\\${letters[c]}`)))
    .join('\t')
}

function decode(line: string, columns: number, own = false, limit = LIMIT): Buffer {
  const text = Buffer.from(line)
  const room = cellsSize(columns, 0)
  const bytes = Buffer.concat([Buffer.alloc(room, 0x5c), text, Buffer.from('\nother\trows\\t')])
  const into = own ? bytes : Buffer.alloc(cellsSize(columns, text.length))
  const end = new CopyText(columns, limit).row(bytes, room, room + text.length, into, 0)
  return into.subarray(0, end)
}

describe('a row of COPY text', () => {
  it('becomes the cells of its values, whatever they hold, also in its own buffer', () => {
    const character = fc.constantFrom(
      'a',
      '\\',
      'N',
      '\t',
      '\n',
      '\r',
      '\b',
      '\f',
      '\v',
      'é',
      '\u{1f600}',
      'x'.repeat(39),
      'n',
    )
    const value = fc.option(fc.string({ unit: character, maxLength: 60 }))
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 8 }), values => {
        const line = copyLine(values)
        const expected = encodeCells(values)
        expect(decode(line, values.length).equals(expected)).toBe(true)
        expect(decode(line, values.length, true).equals(expected)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  it('tells null, empty text and the text of null apart', () => {
    expect(decode('\\N\t\t\\\\N\tN', 4)).toEqual(encodeCells([null, '', '\\N', 'N']))
  })

  it('is refused with other columns than were asked for, or an escape that the server does not write', () => {
    for (const [line, columns] of [
      ['a\tb', 1],
      ['a\tb', 3],
      ['a\\', 1],
      ['a\\101', 1],
      ['\\x41', 1],
    ] as const)
      expect(() => decode(line, columns)).toThrow(expect.objectContaining({ code: 'SOURCE_PROTOCOL' }))
  })

  it('names the column whose value is too large, counted without its escapes', () => {
    expect(() => decode(`ok\t${'x'.repeat(101)}\tok`, 3, false, 100)).toThrow(
      expect.objectContaining({ column: 1, length: 101 }),
    )
    expect(decode('\\n'.repeat(100), 1, false, 100)).toEqual(encodeCells(['\n'.repeat(100)]))
  })
})
