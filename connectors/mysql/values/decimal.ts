import { unreadable } from '../binlog/binlog-error.ts'
import type { CellOutput } from './cell-output.ts'
import type { CellReader } from './cell-reader.ts'
import { putInteger, putPadded } from './digits.ts'
import { fixedReader } from './numbers.ts'

/**
 * DECIMAL: digits in groups of nine, counted from the point, each a big-endian number of four bytes, the outermost ones
 * of fewer (strings/decimal.cc, `decimal2bin`). The first bit is set in what is not negative; of negative numbers all
 * bits are turned over.
 */

const GROUP = 9
const GROUP_BYTES = 4
/** Bytes of so many digits. */
const BYTES = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4] as const

const POWERS = Array.from({ length: GROUP + 1 }, (_, i) => 10 ** i)

const MOST_DIGITS = 65
const MOST_BEHIND = 38
const ZERO = 0x30
const MINUS = 0x2d
const POINT = 0x2e
/** Sign, a zero before the point, and the point. */
const EXTRA = 3

/** Bytes of a DECIMAL(precision, scale). Throws BINLOG_UNREADABLE for what is none. */
export function decimalSize(precision: number, scale: number): number {
  const before = precision - scale
  if (precision < 1 || precision > MOST_DIGITS || before < 0 || scale > MOST_BEHIND)
    throw unreadable(`a decimal of ${precision} digits, ${scale} of them behind the point`)
  return sizeOf(before) + sizeOf(scale)
}

function sizeOf(digits: number): number {
  const groups = Math.floor(digits / GROUP)
  return groups * GROUP_BYTES + BYTES[digits - groups * GROUP]!
}

export function decimalReader(precision: number, scale: number): CellReader {
  return fixedReader(decimalSize(precision, scale), 'a decimal', (bytes, at, out) => {
    out.room(5 + precision + EXTRA)
    const content = out.begin()
    out.at = putDecimal(bytes, at, precision, scale, out)
    out.end(content)
  })
}

/** Writes the digits at `out.at`, where there must be room for them and `EXTRA`; answers where they end. */
export function putDecimal(bytes: Buffer, at: number, precision: number, scale: number, out: CellOutput): number {
  const into = out.bytes
  const turn = (bytes[at]! & 0x80) === 0 ? 0xff : 0
  let to = out.at
  if (turn !== 0) into[to++] = MINUS
  let from = at
  // The first byte has the bit of the sign, which is no digit's.
  let sign = 0x80
  let isBegun = false
  let left = precision - scale
  while (left > 0) {
    const count = left % GROUP === 0 ? GROUP : left % GROUP
    const value = group(bytes, from, BYTES[count]!, turn, sign, count)
    if (isBegun) to = putPadded(into, to, value, GROUP)
    else if (value !== 0) {
      to = putInteger(into, to, value)
      isBegun = true
    }
    sign = 0
    from += BYTES[count]!
    left -= count
  }
  if (!isBegun) into[to++] = ZERO
  if (scale === 0) return to
  into[to++] = POINT
  left = scale
  while (left > 0) {
    const count = Math.min(left, GROUP)
    to = putPadded(into, to, group(bytes, from, BYTES[count]!, turn, sign, count), count)
    sign = 0
    from += BYTES[count]!
    left -= count
  }
  return to
}

function group(bytes: Buffer, at: number, size: number, turn: number, sign: number, digits: number): number {
  let value = (bytes[at]! ^ turn ^ sign) & 0xff
  for (let i = 1; i < size; i++) value = value * 256 + (bytes[at + i]! ^ turn)
  if (value >= POWERS[digits]!) throw unreadable('a decimal with a digit beyond 9')
  return value
}
