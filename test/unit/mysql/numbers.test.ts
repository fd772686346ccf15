import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import { decimalReader, decimalSize } from '../../../connectors/mysql/values/decimal.ts'
import {
  bitReader,
  doubleReader,
  floatReader,
  integerReader,
  yearReader,
} from '../../../connectors/mysql/values/numbers.ts'
import { doubleText, floatText } from '../../../runtime/record/mysql-float.ts'
import { cutShort, readText } from '../../support/mysql/read-cell.ts'

const UNREADABLE = expect.objectContaining({ code: 'BINLOG_UNREADABLE' })

describe('integers', () => {
  it('of every size are exact, signed and unsigned', () => {
    for (const size of [1, 2, 3, 4, 8] as const)
      for (const unsigned of [false, true]) {
        const bits = 8 * size
        const [least, most] = unsigned
          ? [0n, 2n ** BigInt(bits) - 1n]
          : [-(2n ** BigInt(bits - 1)), 2n ** BigInt(bits - 1) - 1n]
        const values = fc.oneof(
          fc.bigInt({ min: least, max: most }),
          fc.constantFrom(least, most, 0n, least + 1n, most - 1n),
        )
        fc.assert(
          fc.property(values, value => {
            const bytes = Buffer.alloc(8)
            bytes.writeBigUInt64LE(BigInt.asUintN(64, value))
            expect(readText(integerReader(size, unsigned), bytes.subarray(0, size))).toBe(String(value))
          }),
        )
      }
  })

  it('of 64 bits are exact around every power of ten and of two', () => {
    const near = [
      ...Array.from({ length: 20 }, (_, i) => 10n ** BigInt(i)),
      ...Array.from({ length: 64 }, (_, i) => 2n ** BigInt(i)),
    ]
    for (const value of near.flatMap(each => [each - 1n, each, each + 1n])) {
      const bytes = Buffer.alloc(8)
      bytes.writeBigUInt64LE(BigInt.asUintN(64, value))
      expect(readText(integerReader(8, true), bytes)).toBe(String(BigInt.asUintN(64, value)))
      expect(readText(integerReader(8, false), bytes)).toBe(String(BigInt.asIntN(64, value)))
    }
  })

  it('are years since 1900, and the year 0 is a number like the others', () => {
    expect([0, 1, 70, 255].map(byte => readText(yearReader(), [byte]))).toEqual(['0', '1901', '1970', '2155'])
  })
})

it('bits are as many digits as the column has', () => {
  expect(readText(bitReader(1), [1])).toBe('1')
  expect(readText(bitReader(5), [0b10101])).toBe('10101')
  expect(readText(bitReader(9), [1, 2])).toBe('100000010')
  expect(readText(bitReader(64), Buffer.alloc(8, 0xaa))).toBe('10'.repeat(32))
})

describe('floats', () => {
  const texts = (read: (value: number) => string, values: readonly number[]): string[] => values.map(read)

  it('of 64 bits are printed as the servers print them', () => {
    expect(texts(doubleText, [0.1, -1.5, 1e14, 123456789012345, 1e15, 1234567890123456.8, 5e-324])).toEqual([
      ...['0.1', '-1.5', '100000000000000', '123456789012345', '1e15', '1234567890123456.8', '5e-324'],
    ])
    expect(texts(doubleText, [1e-6, 1e-7, -1.25e-15, 1e-15, 1e-16, 1.7976931348623157e308, -0])).toEqual([
      ...[
        '0.000001',
        '0.0000001',
        '-0.00000000000000125',
        '0.000000000000001',
        '1e-16',
        '1.7976931348623157e308',
        '-0',
      ],
    ])
  })

  it('of 32 bits have the digits that tell them from their neighbours', () => {
    expect(
      texts(floatText, [0.1, 16777216, 33554432, 3.4028234663852886e38, 1.401298464324817e-45].map(Math.fround)),
    ).toEqual(['0.1', '16777216', '33554432', '3.4028235e38', '1e-45'])
    const bytes = Buffer.alloc(4)
    bytes.writeFloatLE(0.1)
    expect(readText(floatReader(), bytes)).toBe('0.1')
  })

  it('of few digits are written the short way, as the same text', () => {
    const bytes = Buffer.alloc(8)
    const numbers = fc.tuple(fc.integer({ min: -(10 ** 8), max: 10 ** 8 }), fc.integer({ min: 0, max: 9 }))
    fc.assert(
      fc.property(numbers, ([digits, places]) => {
        const value = digits / 10 ** places
        bytes.writeDoubleLE(value)
        expect(readText(doubleReader(), bytes)).toBe(doubleText(value))
        bytes.writeFloatLE(value)
        expect(readText(floatReader(), bytes.subarray(0, 4))).toBe(floatText(Math.fround(value)))
      }),
      { numRuns: 2000 },
    )
  })

  it('are the numbers that their texts name', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), value => {
        const bytes = Buffer.alloc(8)
        bytes.writeDoubleLE(value)
        expect(Number(readText(doubleReader(), bytes))).toBe(value)
      }),
    )
    fc.assert(
      fc.property(fc.float({ noNaN: true, noDefaultInfinity: true }), value => {
        const text = floatText(value)
        expect(Math.fround(Number(text))).toBe(value)
        expect(text.replace(/e.*|[-.]/g, '').replace(/^0+|0+$/g, '').length).toBeLessThanOrEqual(9)
      }),
    )
  })
})

/** A decimal as the server writes it; `digits` without a point. */
function encodeDecimal(digits: string, isNegative: boolean, precision: number, scale: number): Buffer {
  const sizes = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4]
  const whole = digits.slice(0, precision - scale)
  const fraction = digits.slice(precision - scale)
  const first = whole.length % 9
  const groups = [
    whole.slice(0, first),
    ...(whole.slice(first).match(/.{9}/g) ?? []),
    ...(fraction.match(/.{1,9}/g) ?? []),
  ]
  const bytes = Buffer.concat(
    groups.map(group => {
      const size = sizes[group.length]!
      const part = Buffer.alloc(size)
      if (size > 0) part.writeUIntBE(Number(group), 0, size)
      return part
    }),
  )
  bytes[0]! ^= 0x80
  return isNegative ? Buffer.from(bytes.map(byte => byte ^ 0xff)) : bytes
}

describe('decimals', () => {
  it('have all of their digits, whatever precision and scale', () => {
    const shape = fc.integer({ min: 1, max: 65 }).chain(precision =>
      fc.tuple(
        fc.constant(precision),
        fc.integer({ min: 0, max: Math.min(precision, 38) }),
        fc
          .array(fc.integer({ min: 0, max: 9 }), { minLength: precision, maxLength: precision })
          .map(digits => digits.join('')),
        fc.boolean(),
      ),
    )
    fc.assert(
      fc.property(shape, ([precision, scale, digits, isNegative]) => {
        const value = encodeDecimal(digits, isNegative, precision, scale)
        expect(value).toHaveLength(decimalSize(precision, scale))
        const whole = digits.slice(0, precision - scale).replace(/^0+/, '') || '0'
        const fraction = digits.slice(precision - scale)
        const text = `${isNegative ? '-' : ''}${whole}${scale === 0 ? '' : `.${fraction}`}`
        expect(readText(decimalReader(precision, scale), value)).toBe(text)
      }),
      { numRuns: 500 },
    )
  })

  it('are refused with a shape or digits that no decimal has', () => {
    for (const [precision, scale] of [
      [0, 0],
      [66, 0],
      [5, 6],
      [50, 39],
    ] as const)
      expect(() => decimalReader(precision, scale)).toThrow(UNREADABLE)
    expect(() => readText(decimalReader(2, 0), [0xff])).toThrow(UNREADABLE)
  })
})

it('no number is read beyond its end', () => {
  for (const [reader, size] of [
    ...([1, 2, 3, 4, 8] as const).map(size => [integerReader(size, true), size] as const),
    [yearReader(), 1],
    [floatReader(), 4],
    [doubleReader(), 8],
    [bitReader(12), 2],
    [decimalReader(65, 30), 30],
  ] as const)
    for (const read of cutShort(reader, Buffer.alloc(size))) expect(read).toThrow(UNREADABLE)
})
