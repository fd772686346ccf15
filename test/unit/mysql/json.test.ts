import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { CellOutput } from '../../../connectors/mysql/values/cell-output.ts'
import { writeJson } from '../../../connectors/mysql/values/json.ts'
import { lengthReader } from '../../../connectors/mysql/values/strings.ts'
import { cellText } from '../../../runtime/record/cells.ts'
import { encodeJson, type Json, Opaque, printedJson } from '../../support/mysql/binary-json.ts'
import { cutShort } from '../../support/mysql/read-cell.ts'

const UNREADABLE = expect.objectContaining({ code: 'BINLOG_UNREADABLE' })

function textOf(document: Buffer): string | null {
  const bytes = Buffer.concat([Buffer.alloc(3, 0xff), document, Buffer.alloc(3, 0xff)])
  const out = new CellOutput()
  writeJson(bytes, 3, 3 + document.length, out)
  return cellText(out.bytes, 0, out.at)
}

const { value: documents } = fc.letrec<{ value: Json }>(tie => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom<Json>(null, true, false),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.integer({ min: -70_000, max: 70_000 }).map(BigInt),
    fc.double({ noNaN: true, noDefaultInfinity: true, min: 1e-6, max: 1e14 }),
    fc.string({ unit: 'grapheme', maxLength: 200 }),
    fc.array(tie('value'), { maxLength: 8 }),
    fc
      .array(fc.tuple(fc.string({ unit: 'grapheme' }), tie('value')), { maxLength: 8 })
      .map(members => new Map(members)),
  ),
}))

describe('a binary JSON document', () => {
  it('is the text that the server prints', () => {
    fc.assert(
      fc.property(documents, fc.boolean(), (document, large) => {
        expect(textOf(encodeJson(document, large))).toBe(printedJson(document))
      }),
      { numRuns: 1000 },
    )
  })

  it('escapes what the server escapes, and nothing else', () => {
    expect(textOf(encodeJson('"\\/\b\f\n\r\t\u0000\u001f\u007f\u2028é'))).toBe(
      '"\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\u007f\u2028é"',
    )
    expect(textOf(encodeJson('x'.repeat(10_000)))).toBe(`"${'x'.repeat(10_000)}"`)
  })

  it('prints whole doubles with a point, and what is empty as null', () => {
    expect([1, -0, 1e20, 1e-7, 0.1].map(each => textOf(encodeJson(each)))).toEqual([
      '1.0',
      '-0.0',
      '1e20',
      '0.0000001',
      '0.1',
    ])
    expect(textOf(Buffer.alloc(0))).toBe('null')
  })

  it('prints decimals, dates and times, and other bytes in base64', () => {
    const opaque = (type: number, hex: string): string | null =>
      textOf(encodeJson(new Opaque(type, Buffer.from(hex, 'hex'))))
    expect(opaque(246, '03028132')).toBe('1.50')
    // 2024-02-29 12:34:56.123000 and its day alone; -838:59:58.5
    const moment = (((2024n * 13n + 2n) * 32n + 29n) * 2n ** 17n + (12n << 12n) + (34n << 6n) + 56n) * 2n ** 24n
    const packed = (value: bigint): string => {
      const bytes = Buffer.alloc(8)
      bytes.writeBigInt64LE(value)
      return bytes.toString('hex')
    }
    expect(opaque(12, packed(moment + 123_000n))).toBe('"2024-02-29 12:34:56.123000"')
    expect(opaque(7, packed(moment))).toBe('"2024-02-29 12:34:56.000000"')
    expect(opaque(10, packed(moment))).toBe('"2024-02-29"')
    const span = ((838n << 12n) + (59n << 6n) + 58n) * 2n ** 24n + 500_000n
    expect(opaque(11, packed(-span))).toBe('"-838:59:58.500000"')
    expect(opaque(15, '00ff10')).toBe('"base64:type15:AP8Q"')
    expect(opaque(253, '6162')).toBe('"ab"')
    const line = Buffer.alloc(57, 'a')
    expect(opaque(252, Buffer.concat([line, Buffer.from('b')]).toString('hex'))).toBe(
      `"base64:type252:${line.toString('base64')}\\nYg=="`,
    )
  })

  it('is never read beyond its end', () => {
    const document = encodeJson(new Map<string, Json>([['a', [1n, 'text', 2.5, new Opaque(15, Buffer.from('xyz'))]]]))
    const reader = lengthReader(4, 'a JSON document', writeJson)
    const length = Buffer.alloc(4)
    length.writeUInt32LE(document.length)
    for (const read of cutShort(reader, Buffer.concat([length, document]))) expect(read).toThrow(UNREADABLE)
    for (let size = 1; size < document.length; size++)
      expect(() => textOf(document.subarray(0, size))).toThrow(UNREADABLE)
  })

  it('is refused when it is nested too deep, or when its parts overlap', () => {
    const nested = (depth: number): Json => (depth === 0 ? 1n : [nested(depth - 1)])
    expect(textOf(encodeJson(nested(100)))).toBe(`${'['.repeat(100)}1${']'.repeat(100)}`)
    expect(() => textOf(encodeJson(nested(101)))).toThrow(UNREADABLE)
    const shared = encodeJson(['x'.repeat(100), 'y'])
    shared.copy(shared, 9, 6, 8)
    expect(() => textOf(shared)).toThrow(UNREADABLE)
  })

  it('takes damage for what it is: text or an error, and no more text than it has bytes for', () => {
    fc.assert(
      fc.property(documents, fc.boolean(), fc.nat(), fc.nat(255), (document, large, place, byte) => {
        const bytes = encodeJson(document, large)
        bytes[place % bytes.length] = byte
        const out = new CellOutput()
        try {
          writeJson(bytes, 0, bytes.length, out)
        } catch (error) {
          expect(error).toEqual(UNREADABLE)
        }
        expect(out.at).toBeLessThan(20 * bytes.length + 200)
      }),
      { numRuns: 2000 },
    )
  })
})
