import { readU32BE, readU32LE } from '../../../runtime/record/cells.ts'
import { unreadable } from '../binlog/binlog-error.ts'
import type { CellOutput } from './cell-output.ts'
import type { CellReader } from './cell-reader.ts'
import { putInteger, putPadded, putTwo } from './digits.ts'
import { fixedReader } from './numbers.ts'

/**
 * Dates and times as the servers print them; TIMESTAMP in UTC with `+00` behind it, as PostgreSQL prints one. Zero dates
 * stay what they are and have no zone. Layouts: `my_time_packed_to_binary` and the functions beside it in the server's
 * my_time.cc; those of before MySQL 5.6 are numbers whose decimal digits are the parts.
 */

const HYPHEN = 0x2d
const BLANK = 0x20
const COLON = 0x3a
const POINT = 0x2e
const PLUS = 0x2b
const ZERO = 0x30
/** A cell with the longest of them, years and hours of any size included. */
const ROOM = 48

/** Bytes of so many digits of a second. */
export function fractionSize(precision: number): number {
  if (precision > 6) throw unreadable(`a time with ${precision} digits of a second`)
  return (precision + 1) >> 1
}

export function dateReader(): CellReader {
  return fixedReader(3, 'a date', (bytes, at, out) => {
    const bits = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)
    const content = begin(out)
    out.at = putDate(out.bytes, content, bits >> 9, (bits >> 5) & 15, bits & 31)
    out.end(content)
  })
}

export function datetimeReader(precision: number): CellReader {
  const size = 5 + fractionSize(precision)
  return fixedReader(size, 'a datetime', (bytes, at, out) => {
    const content = begin(out)
    out.at = putDatetime2(bytes, at, precision, out.bytes, content)
    out.end(content)
  })
}

function putDatetime2(bytes: Buffer, at: number, precision: number, into: Buffer, to: number): number {
  // 40 bits, the first of which is set in what is not negative, as all datetimes are.
  const month = ((bytes[at]! & 0x7f) << 10) | (bytes[at + 1]! << 2) | (bytes[at + 2]! >> 6)
  const rest = ((bytes[at + 2]! & 0x3f) << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!
  const year = (month / 13) | 0
  let position = putDate(into, to, year, month - 13 * year, rest >> 17)
  into[position++] = BLANK
  position = putClock(into, position, (rest >> 12) & 31, (rest >> 6) & 63, rest & 63)
  return putFraction(into, position, micros(bytes, at + 5, precision), precision)
}

/** A number YYYYMMDDhhmmss of eight bytes. */
export function oldDatetimeReader(): CellReader {
  return fixedReader(8, 'a datetime', (bytes, at, out) => {
    const number = readU32LE(bytes, at + 4) * 0x1_0000_0000 + readU32LE(bytes, at)
    const date = Math.floor(number / 1_000_000)
    const clock = number - date * 1_000_000
    const year = Math.floor(date / 10_000)
    const content = begin(out)
    let to = putDate(out.bytes, content, year, Math.floor(date / 100) % 100, date % 100)
    out.bytes[to++] = BLANK
    to = putClock(out.bytes, to, Math.floor(clock / 10_000), Math.floor(clock / 100) % 100, clock % 100)
    out.at = to
    out.end(content)
  })
}

/** Seconds since 1970, big-endian, and the fraction. */
export function timestampReader(precision: number): CellReader {
  const size = 4 + fractionSize(precision)
  return fixedReader(size, 'a timestamp', (bytes, at, out) =>
    writeTimestamp(readU32BE(bytes, at), micros(bytes, at + 4, precision), precision, out),
  )
}

/** Seconds since 1970, little-endian. */
export function oldTimestampReader(): CellReader {
  return fixedReader(4, 'a timestamp', (bytes, at, out) => writeTimestamp(readU32LE(bytes, at), 0, 0, out))
}

const DAY = 86_400

function writeTimestamp(seconds: number, fraction: number, precision: number, out: CellOutput): void {
  const content = begin(out)
  const into = out.bytes
  let to: number
  if (seconds === 0) {
    to = putDate(into, content, 0, 0, 0)
    into[to++] = BLANK
    to = putFraction(into, putClock(into, to, 0, 0, 0), 0, precision)
  } else {
    const days = Math.floor(seconds / DAY)
    const clock = seconds - days * DAY
    to = putCivilDate(into, content, days)
    into[to++] = BLANK
    to = putClock(into, to, (clock / 3600) | 0, ((clock / 60) | 0) % 60, clock % 60)
    to = putFraction(into, to, fraction, precision)
    into[to++] = PLUS
    into[to++] = ZERO
    into[to++] = ZERO
  }
  out.at = to
  out.end(content)
}

/** Days since 1970-01-01, not before it. https://howardhinnant.github.io/date_algorithms.html */
function putCivilDate(into: Buffer, at: number, days: number): number {
  const shifted = days + 719_468
  const era = (shifted / 146_097) | 0
  const dayOfEra = shifted - era * 146_097
  const yearOfEra =
    ((dayOfEra - ((dayOfEra / 1460) | 0) + ((dayOfEra / 36_524) | 0) - ((dayOfEra / 146_096) | 0)) / 365) | 0
  const dayOfYear = dayOfEra - (365 * yearOfEra + (yearOfEra >> 2) - ((yearOfEra / 100) | 0))
  const shiftedMonth = ((5 * dayOfYear + 2) / 153) | 0
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
  const day = dayOfYear - (((153 * shiftedMonth + 2) / 5) | 0) + 1
  return putDate(into, at, yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
}

const SECOND = 0x100_0000

/** A span of up to 838 hours of either sign: 24 bits of hours, minutes and seconds, and the fraction, offset as one. */
export function timeReader(precision: number): CellReader {
  const fraction = fractionSize(precision)
  return fixedReader(3 + fraction, 'a time', (bytes, at, out) => {
    const whole = ((bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!) - 0x80_0000
    let part = 0
    for (let i = 0; i < fraction; i++) part = part * 256 + bytes[at + 3 + i]!
    // Below zero the fraction of less than three bytes counts down from the second after.
    const isShort = whole < 0 && part !== 0 && fraction < 3
    const scale = fraction === 1 ? 10_000 : fraction === 2 ? 100 : 1
    const packed = isShort ? (whole + 1) * SECOND + (part - 256 ** fraction) * scale : whole * SECOND + part * scale
    const content = begin(out)
    out.at = putTime(out.bytes, content, packed, precision)
    out.end(content)
  })
}

/** `packed`: the sign; hours, minutes, seconds in 10, 6 and 6 bits; microseconds in 24. */
export function putTime(into: Buffer, at: number, packed: number, precision: number): number {
  let to = at
  if (packed < 0) into[to++] = HYPHEN
  const size = Math.abs(packed)
  const clock = Math.floor(size / SECOND)
  to = putClock(into, to, (clock >> 12) & 0x3ff, (clock >> 6) & 63, clock & 63)
  return putFraction(into, to, size - clock * SECOND, precision)
}

/** A number hhmmss of three bytes with a sign. */
export function oldTimeReader(): CellReader {
  return fixedReader(3, 'a time', (bytes, at, out) => {
    const number = ((bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16)) << 8) >> 8
    const content = begin(out)
    let to = content
    if (number < 0) out.bytes[to++] = HYPHEN
    const size = Math.abs(number)
    out.at = putClock(out.bytes, to, Math.floor(size / 10_000), Math.floor(size / 100) % 100, size % 100)
    out.end(content)
  })
}

/** `packed`: as a JSON document has them, of a date, a datetime or a timestamp: 24 bits of microseconds below. */
export function putPackedDatetime(into: Buffer, at: number, high: number, micro: number, withTime: boolean): number {
  const day = Math.floor(high / 0x2_0000)
  const clock = high - day * 0x2_0000
  const month = Math.floor(day / 32)
  const year = Math.floor(month / 13)
  let to = putDate(into, at, year, month - 13 * year, day - 32 * month)
  if (!withTime) return to
  into[to++] = BLANK
  to = putClock(into, to, clock >> 12, (clock >> 6) & 63, clock & 63)
  return putFraction(into, to, micro, 6)
}

function begin(out: CellOutput): number {
  out.room(ROOM)
  return out.begin()
}

function micros(bytes: Buffer, at: number, precision: number): number {
  if (precision === 0) return 0
  const first = bytes[at]!
  if (precision <= 2) return first * 10_000
  const second = (first << 8) | bytes[at + 1]!
  return precision <= 4 ? second * 100 : (second << 8) | bytes[at + 2]!
}

function putDate(into: Buffer, at: number, year: number, month: number, day: number): number {
  if (year > 9999) throw unreadable('a date beyond the year 9999')
  const century = (year / 100) | 0
  let to = putTwo(into, putTwo(into, at, century), year - 100 * century)
  into[to++] = HYPHEN
  to = putTwo(into, to, month)
  into[to++] = HYPHEN
  return putTwo(into, to, day)
}

/** Hours have two digits or more. */
function putClock(into: Buffer, at: number, hours: number, minutes: number, seconds: number): number {
  let to = hours < 100 ? putTwo(into, at, hours) : putInteger(into, at, hours)
  into[to++] = COLON
  to = putTwo(into, to, minutes)
  into[to++] = COLON
  return putTwo(into, to, seconds)
}

const MICRO = [1_000_000, 100_000, 10_000, 1000, 100, 10, 1] as const

function putFraction(into: Buffer, at: number, micro: number, precision: number): number {
  if (precision === 0) return at
  if (micro > 999_999) throw unreadable('a time with a million microseconds')
  into[at] = POINT
  if (precision === 6) {
    const [high, rest] = [(micro / 10_000) | 0, micro % 10_000]
    const middle = (rest / 100) | 0
    return putTwo(into, putTwo(into, putTwo(into, at + 1, high), middle), rest - 100 * middle)
  }
  return putPadded(into, at + 1, Math.floor(micro / MICRO[precision]!), precision)
}
