import { describe, expect, it } from '@jest/globals'
import { encodeCells } from '../../../runtime/record/cells.ts'
import { CellTag } from '../../../runtime/record/layout.ts'
import { RowCells } from '../../../sinks/sqlite/row-cells.ts'

const LONG = 'x'.repeat(5000)
const INVALID = Buffer.from([0x61, 0xff, 0x62])
const VALUES = ['', 'plain', 'zwölf', '€', '😀 and more', '\u{feff}bom', 'x'.repeat(200), null, INVALID, '\\x00ff', '7']

function textsOf(values: readonly (string | Uint8Array | null | undefined)[]): (string | null | undefined)[] {
  const row = new RowCells()
  row.open(encodeCells(values))
  return values.map(() => {
    const tag = row.next()
    if (tag === CellTag.absent) return undefined
    return tag === CellTag.null ? null : row.text()
  })
}

describe('cells of a row for SQLite', () => {
  it('give the text of each value, in short rows and in long ones', () => {
    const texts = VALUES.map(value => (value === INVALID ? '\\x61ff62' : (value as string | null)))
    expect(textsOf([...VALUES, undefined])).toEqual([...texts, undefined])
    expect(textsOf([LONG, ...VALUES])).toEqual([LONG, ...texts])
  })

  it('take exactly those texts for integers that the number prints again', () => {
    const texts = [
      '0',
      '7',
      '-7',
      '-0',
      '007',
      '',
      '-',
      '1e3',
      ' 1',
      '999999999999999',
      '-999999999999999',
      '1.5',
      'NaN',
    ]
    const row = new RowCells()
    row.open(encodeCells(texts))
    const found = texts.map(() => {
      row.next()
      return row.integer()
    })
    expect(found).toEqual(
      texts.map(text => (String(Number(text)) === text && text !== 'NaN' && text !== '1.5' ? Number(text) : undefined)),
    )
  })

  it('are those of each row of a batch, whatever lies between them and however long it is', () => {
    const rows = Array.from({ length: 3000 }, (_, i) => [
      `row ${i}`,
      i % 700 === 0 ? LONG : 'zwölf',
      `${i}`,
      '\u{1f600}',
    ])
    const parts = rows.map(values => encodeCells(values))
    const batch = Buffer.concat(parts.flatMap(part => [Buffer.from([0xff, 0xc3]), part]))
    const row = new RowCells()
    let at = 0
    for (const [i, part] of parts.entries()) {
      row.open(batch.subarray(at + 2, at + 2 + part.length))
      at += 2 + part.length
      const texts = rows[i]!.map(() => {
        row.next()
        return row.text()
      })
      expect(texts).toEqual(rows[i])
    }
  })

  it('refuse a row that has fewer cells than are asked for', () => {
    const row = new RowCells()
    row.open(encodeCells(['1']))
    row.next()
    expect(() => row.next()).toThrow(expect.objectContaining({ code: 'RECORD_MALFORMED' }))
  })
})
