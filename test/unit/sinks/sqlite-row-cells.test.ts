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

  it('refuse a row that has fewer cells than are asked for', () => {
    const row = new RowCells()
    row.open(encodeCells(['1']))
    row.next()
    expect(() => row.next()).toThrow(expect.objectContaining({ code: 'RECORD_MALFORMED' }))
  })
})
