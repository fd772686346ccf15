import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { cellsSize, DataRows } from '../../../connectors/postgres/data-row.ts'
import { encodeCells } from '../../../runtime/record/cells.ts'

const LIMIT = 1 << 30
/** What stands around a row in the buffer that it came in. */
const BEFORE = 11

/** The body of a DataRow as the server writes it. */
function dataRow(values: readonly (string | null)[]): Buffer {
  const parts = [Buffer.from([values.length >>> 8, values.length])]
  for (const value of values) {
    const text = Buffer.from(value ?? '')
    const length = Buffer.alloc(4)
    length.writeInt32BE(value === null ? -1 : text.length)
    parts.push(length, text)
  }
  return Buffer.concat(parts)
}

function decode(body: Buffer, columns: number, limit = LIMIT, behind = 7): { cells: Buffer; starts: Uint32Array } {
  const bytes = Buffer.concat([Buffer.alloc(BEFORE, 0xff), body, Buffer.alloc(behind, 0xff)])
  const into = Buffer.alloc(3 + Math.max(0, cellsSize(columns, body.length)))
  const starts = new Uint32Array(columns + 1)
  const end = new DataRows(columns, limit).cells(bytes, BEFORE, BEFORE + body.length, into, 3, starts)
  return { cells: into.subarray(3, end), starts }
}

describe('a row of a query', () => {
  it('becomes the cells of its values, whatever they hold, and says where each begins', () => {
    const value = fc.option(
      fc.oneof(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.string({ minLength: 90, maxLength: 120 })),
    )
    fc.assert(
      fc.property(fc.array(value, { minLength: 1, maxLength: 8 }), fc.nat(7), (values, behind) => {
        const { cells, starts } = decode(dataRow(values), values.length, LIMIT, behind)
        expect(cells.equals(encodeCells(values))).toBe(true)
        values.forEach((one, i) => {
          expect(cells.subarray(starts[i]! - 3, starts[i + 1]! - 3).equals(encodeCells([one]))).toBe(true)
        })
      }),
      { numRuns: 2000 },
    )
  })

  it('tells null, empty text and the word apart', () => {
    expect(decode(dataRow([null, '', 'null', '\\N']), 4).cells).toEqual(encodeCells([null, '', 'null', '\\N']))
  })

  it('is refused with other columns than were asked for, or values that do not fit into it', () => {
    const whole = dataRow(['abc', 'de'])
    const malformed = [
      [whole, 1],
      [whole, 3],
      [whole.subarray(0, whole.length - 1), 2],
      [whole.subarray(0, 10), 2],
      [Buffer.concat([whole, Buffer.from('x')]), 2],
      [Buffer.from([0, 1, 0xff, 0xff, 0xff, 0xfe]), 1],
    ] as const
    for (const [body, columns] of malformed)
      expect(() => decode(body, columns)).toThrow(expect.objectContaining({ code: 'SOURCE_PROTOCOL' }))
  })

  it('names the column whose value is too large', () => {
    expect(() => decode(dataRow(['ok', 'x'.repeat(101), 'ok']), 3, 100)).toThrow(
      expect.objectContaining({ column: 1, length: 101 }),
    )
    expect(decode(dataRow(['x'.repeat(100)]), 1, 100).cells).toEqual(encodeCells(['x'.repeat(100)]))
  })
})
