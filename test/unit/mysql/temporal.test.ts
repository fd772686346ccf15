import { describe, expect, it } from '@jest/globals'
import fc from 'fast-check'
import {
  dateReader,
  datetimeReader,
  oldDatetimeReader,
  oldTimeReader,
  oldTimestampReader,
  timeReader,
  timestampReader,
} from '../../../connectors/mysql/values/temporal.ts'
import { cutShort, readText } from '../../support/mysql/read-cell.ts'

const UNREADABLE = expect.objectContaining({ code: 'BINLOG_UNREADABLE' })

const two = (value: number): string => String(value).padStart(2, '0')
const fractionText = (micro: number, precision: number): string =>
  precision === 0 ? '' : `.${String(micro).padStart(6, '0').slice(0, precision)}`

const precisions = fc.integer({ min: 0, max: 6 })
/** Microseconds that a column of this precision can hold. */
const microsOf = (precision: number) =>
  fc.integer({ min: 0, max: 10 ** precision - 1 }).map(part => part * 10 ** (6 - precision))

function fraction(micro: number, precision: number): Buffer {
  const size = (precision + 1) >> 1
  const bytes = Buffer.alloc(size)
  if (size > 0) bytes.writeUIntBE(micro / 10 ** (6 - 2 * size), 0, size)
  return bytes
}

describe('dates and times', () => {
  it('are the text of their parts, zeros included', () => {
    const upTo = (max: number) => fc.integer({ min: 0, max })
    const parts = fc.tuple(
      fc.tuple(upTo(9999), upTo(12), upTo(31)),
      fc.tuple(upTo(23), upTo(59), upTo(59)),
      precisions.chain(precision => fc.tuple(fc.constant(precision), microsOf(precision))),
    )
    fc.assert(
      fc.property(parts, ([[year, month, day], [hour, minute, second], [precision, micro]]) => {
        const date = `${String(year).padStart(4, '0')}-${two(month)}-${two(day)}`
        const packedDate = Buffer.alloc(3)
        packedDate.writeUIntLE((year << 9) | (month << 5) | day, 0, 3)
        expect(readText(dateReader(), packedDate)).toBe(date)

        const days = (year * 13 + month) * 32 + day
        const whole = Buffer.alloc(5)
        whole.writeUIntBE(days * 2 ** 17 + ((hour << 12) | (minute << 6) | second) + 2 ** 39, 0, 5)
        const text = `${date} ${two(hour)}:${two(minute)}:${two(second)}`
        const value = Buffer.concat([whole, fraction(micro, precision)])
        expect(readText(datetimeReader(precision), value)).toBe(text + fractionText(micro, precision))

        const old = Buffer.alloc(8)
        old.writeBigUInt64LE(BigInt(text.replace(/\D/g, '')))
        expect(readText(oldDatetimeReader(), old)).toBe(text)
      }),
    )
  })

  it('TIMESTAMP is in UTC and says so, but for the zero one', () => {
    const moments = fc.tuple(
      fc.integer({ min: 1, max: 0xffff_ffff }),
      precisions.chain(precision => fc.tuple(fc.constant(precision), microsOf(precision))),
    )
    fc.assert(
      fc.property(moments, ([seconds, [precision, micro]]) => {
        const text = new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')
        const [big, little] = [Buffer.alloc(4), Buffer.alloc(4)]
        big.writeUInt32BE(seconds)
        little.writeUInt32LE(seconds)
        const value = Buffer.concat([big, fraction(micro, precision)])
        expect(readText(timestampReader(precision), value)).toBe(`${text}${fractionText(micro, precision)}+00`)
        expect(readText(oldTimestampReader(), little)).toBe(`${text}+00`)
      }),
    )
    expect(readText(timestampReader(0), Buffer.alloc(4))).toBe('0000-00-00 00:00:00')
    expect(readText(timestampReader(3), Buffer.alloc(6))).toBe('0000-00-00 00:00:00.000')
    expect(readText(oldTimestampReader(), Buffer.alloc(4))).toBe('0000-00-00 00:00:00')
  })

  it('TIME has a sign and up to 838 hours', () => {
    const spans = fc.tuple(
      fc.boolean(),
      fc.integer({ min: 0, max: 838 }),
      fc.integer({ min: 0, max: 59 }),
      fc.integer({ min: 0, max: 59 }),
      precisions.chain(precision => fc.tuple(fc.constant(precision), microsOf(precision))),
    )
    fc.assert(
      fc.property(spans, ([isNegative, hours, minutes, seconds, [precision, micro]]) => {
        const size = (precision + 1) >> 1
        const packed = ((hours << 12) | (minutes << 6) | seconds) * 256 ** size + micro / 10 ** (6 - 2 * size)
        const value = Buffer.alloc(3 + size)
        value.writeUIntBE(0x80 * 256 ** (2 + size) + (isNegative ? -packed : packed), 0, 3 + size)
        const sign = isNegative && packed !== 0 ? '-' : ''
        const text = `${sign}${two(hours)}:${two(minutes)}:${two(seconds)}`
        expect(readText(timeReader(precision), value)).toBe(text + fractionText(micro, precision))

        const old = Buffer.alloc(3)
        const number = hours * 10_000 + minutes * 100 + seconds
        old.writeIntLE(isNegative ? -number : number, 0, 3)
        expect(readText(oldTimeReader(), old)).toBe(
          number === 0 ? '00:00:00' : `${isNegative ? '-' : ''}${two(hours)}:${two(minutes)}:${two(seconds)}`,
        )
      }),
      { numRuns: 500 },
    )
  })

  it('are refused with parts that none has, and never read beyond their end', () => {
    expect(() => datetimeReader(7)).toThrow(UNREADABLE)
    expect(() => readText(oldDatetimeReader(), Buffer.alloc(8, 0xff))).toThrow(UNREADABLE)
    expect(() => readText(datetimeReader(6), Buffer.from('8000000000ffffff', 'hex'))).toThrow(UNREADABLE)
    for (const [reader, size] of [
      [dateReader(), 3],
      [datetimeReader(6), 8],
      [timestampReader(6), 7],
      [timeReader(6), 6],
      [oldDatetimeReader(), 8],
      [oldTimestampReader(), 4],
      [oldTimeReader(), 3],
    ] as const)
      for (const read of cutShort(reader, Buffer.alloc(size))) expect(read).toThrow(UNREADABLE)
  })
})
