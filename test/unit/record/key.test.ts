import { isUtf8 } from 'node:buffer'
import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import type { Position } from '../../../runtime/contract.ts'
import { cellTexts } from '../../../runtime/record/cells.ts'
import { keyFromTexts, keyText, keyTexts } from '../../../runtime/record/key.ts'
import { BatchWriter } from '../../../runtime/record/writer.ts'
import { column, table, tuple } from '../../support/records.ts'

type Cell = string | Uint8Array

/** Short texts over few letters, so that different columns often hold the same ones. */
const cell: fc.Arbitrary<Cell> = fc.oneof(
  fc.string({
    unit: fc.constantFrom('a', 'b', '|', '%', '%2', '5', 'x', '\\x', '\u0001', '"', ':', 'é'),
    maxLength: 5,
  }),
  fc.string({ unit: 'binary', maxLength: 4 }),
  fc.uint8Array({ maxLength: 3 }).filter(bytes => !isUtf8(bytes)),
)

function keyOf(cells: readonly Cell[]): Uint8Array {
  const columns = cells.map((_, i) => column(`c${i}`))
  const keyed = table('keyed', { columns, key: columns.map((_, i) => i) })
  const writer = new BatchWriter([keyed])
  writer.begin('1', '1', 0n)
  writer.row('c', keyed, tuple(...cells))
  writer.commit()
  const [view] = [...writer.take({ lane: 'stream', position: '1' as Position })]
  return Buffer.from(view!.key)
}

const same = (a: readonly Cell[], b: readonly Cell[]): boolean =>
  a.every((one, i) => Buffer.from(one as string).equals(Buffer.from(b[i] as string)))

const pair = fc
  .integer({ min: 1, max: 3 })
  .chain(size =>
    fc.tuple(
      fc.array(cell, { minLength: size, maxLength: size }),
      fc.array(cell, { minLength: size, maxLength: size }),
    ),
  )

describe('a key', () => {
  it('is equal exactly where every column is, byte for byte', () => {
    fc.assert(
      fc.property(pair, ([a, b]) => {
        expect(Buffer.from(keyOf(a)).equals(keyOf(b))).toBe(same(a, b))
        expect(keyOf(a)).toEqual(keyOf([...a]))
      }),
      { numRuns: 1000 },
    )
  })

  it('is equal as text exactly where every column is', () => {
    fc.assert(
      fc.property(pair, ([a, b]) => {
        expect(keyText(keyOf(a)) === keyText(keyOf(b))).toBe(same(a, b))
      }),
      { numRuns: 1000 },
    )
  })

  it('keeps apart what glued texts would mix up', () => {
    const keys: Cell[][] = [
      ['a:b', 'c'],
      ['a', 'b:c'],
      ['a|b', 'c'],
      ['a', 'b|c'],
      ['a%7Cb', 'c'],
      ['', 'a'],
      ['a', ''],
      ['61', 'x'],
      [Buffer.from([0x61, 0xff]), 'x'],
      [Buffer.from([0x61, 0xfe]), 'x'],
      ['\\x61ff', 'x'],
      ['%x61ff', 'x'],
      ['%25x61ff', 'x'],
    ]
    expect(new Set(keys.map(key => Buffer.from(keyOf(key)).toString('hex'))).size).toBe(keys.length)
    expect(new Set(keys.map(key => keyText(keyOf(key)))).size).toBe(keys.length)
    const alone = ['%x61ff', '%25x61ff', '\\x61ff', Buffer.from([0x61, 0xff])].map(one => keyText(keyOf([one])))
    expect(new Set(alone).size).toBe(4)
  })

  it('is the text itself where one column holds it', () => {
    for (const text of ['42', 'a|b', '100%', '', 'ключ', '\\x0102']) expect(keyText(keyOf([text]))).toBe(text)
    expect(keyText(keyOf(['a|b', '50%']))).toBe('a%7Cb|50%25')
  })

  it('gives its columns back', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 4 }), texts => {
        expect(keyTexts(keyOf(texts))).toEqual(texts)
        expect(keyFromTexts(texts)).toEqual(keyOf(texts))
        expect(cellTexts(keyOf(texts))).toEqual(texts)
      }),
    )
  })

  it('of a table without key columns is empty', () => {
    const log = table('log', { key: [], appendOnly: true })
    const writer = new BatchWriter([log])
    writer.begin('1', '1', 0n)
    writer.row('c', log, tuple('1', 'a'))
    const [view] = [...writer.takePart()]
    expect(view!.key).toHaveLength(0)
  })
})
