import { daysOf, timeOf, timestampOf } from '../common/times.ts'

/**
 * Values of one size as targets hold them: little-endian. An Encode writes the value that the bytes from `from` to `to`
 * spell at `at`. False: the type has no such value.
 */
export type Encode = (bytes: Buffer, from: number, to: number, into: DataView, at: number) => boolean

export interface FixedForm {
  readonly bytes: number
  readonly encode: Encode
}

export const textOf = (bytes: Buffer, from: number, to: number): string => bytes.toString('latin1', from, to)

const ZERO = 0x30
const MINUS = 0x2d
const POINT = 0x2e
const PLUS = 0x2b
const COLON = 0x3a
const BLANK = 0x20
/** Integers of so many digits are exact as numbers. */
const SAFE_DIGITS = 15

/** The integer that the bytes spell; NaN if they spell none, or one of more than 15 digits. */
function integerOf(bytes: Buffer, from: number, to: number): number {
  const isNegative = bytes[from] === MINUS
  const first = isNegative ? from + 1 : from
  if (first === to || to - first > SAFE_DIGITS) return Number.NaN
  let value = 0
  for (let i = first; i < to; i++) {
    const digit = bytes[i]! - ZERO
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return isNegative ? -value : value
}

function bigintOf(bytes: Buffer, from: number, to: number): bigint | undefined {
  const text = textOf(bytes, from, to)
  return /^-?\d+$/.test(text) ? BigInt(text) : undefined
}

/** A safe integer as 64 bits. */
function put64(value: number, into: DataView, at: number): void {
  const high = Math.floor(value / 4_294_967_296)
  into.setUint32(at, value - high * 4_294_967_296, true)
  into.setInt32(at + 4, high, true)
}

export function encodeBoolean(bytes: Buffer, from: number, to: number, into: DataView, at: number): boolean {
  const truth = truthOf(textOf(bytes, from, to))
  if (truth === undefined) return false
  into.setUint8(at, truth ? 1 : 0)
  return true
}

/** Undefined for what is no boolean. */
export function truthOf(text: string): boolean | undefined {
  return TRUTHS.get(text)
}

const TRUTHS = new Map([
  ['t', true],
  ['1', true],
  ['true', true],
  ['f', false],
  ['0', false],
  ['false', false],
])

export function smallInteger(kind: 'int16' | 'int32'): Encode {
  const limit = kind === 'int16' ? 2 ** 15 : 2 ** 31
  return (bytes, from, to, into, at) => {
    const value = integerOf(bytes, from, to)
    if (!(value >= -limit && value < limit)) return false
    if (kind === 'int16') into.setInt16(at, value, true)
    else into.setInt32(at, value, true)
    return true
  }
}

export function encodeInt64(bytes: Buffer, from: number, to: number, into: DataView, at: number): boolean {
  const value = integerOf(bytes, from, to)
  if (!Number.isNaN(value)) {
    put64(value, into, at)
    return true
  }
  const large = bigintOf(bytes, from, to)
  if (large === undefined || BigInt.asIntN(64, large) !== large) return false
  into.setBigInt64(at, large, true)
  return true
}

export function encodeUint64(bytes: Buffer, from: number, to: number, into: DataView, at: number): boolean {
  const value = bigintOf(bytes, from, to)
  if (value === undefined || BigInt.asUintN(64, value) !== value) return false
  into.setBigUint64(at, value, true)
  return true
}

export const FLOAT = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$|^-?Infinity$|^NaN$/i

export function float(kind: 'float32' | 'float64'): Encode {
  return (bytes, from, to, into, at) => {
    const text = textOf(bytes, from, to)
    if (!FLOAT.test(text)) return false
    const value = Number(text)
    if (kind === 'float64') into.setFloat64(at, value, true)
    else into.setFloat32(at, value, true)
    return true
  }
}

/** Decimals are integers of `size` bytes: 2, 4, 8, 16 or 32. */
export function decimal(size: number, width: number, scale: number): FixedForm {
  const factors = Array.from({ length: SAFE_DIGITS + 1 }, (_, i) => 10 ** i)
  const encode: Encode = (bytes, from, to, into, at) => {
    let value = 0
    let digits = 0
    /** Digits behind the point, -1 before it. */
    let behind = -1
    const isNegative = bytes[from] === MINUS
    for (let i = isNegative ? from + 1 : from; i < to; i++) {
      const digit = bytes[i]! - ZERO
      if (bytes[i] === POINT && behind === -1) {
        behind = 0
        continue
      }
      if (digit < 0 || digit > 9) return false
      value = value * 10 + digit
      digits++
      if (behind !== -1) behind++
    }
    const missing = scale - Math.max(behind, 0)
    if (digits === 0 || missing < 0 || digits + missing > SAFE_DIGITS)
      return digits > 0 && encodeLongDecimal(textOf(bytes, from, to), width, scale, size, into, at)
    if (value * factors[missing]! >= 10 ** width) return false
    putDecimal((isNegative ? -value : value) * factors[missing]!, size, into, at)
    return true
  }
  return { bytes: size, encode }
}

function putDecimal(value: number, size: number, into: DataView, at: number): void {
  if (size === 2) into.setInt16(at, value, true)
  else if (size === 4) into.setInt32(at, value, true)
  else {
    put64(value, into, at)
    for (let more = 8; more < size; more += 8) into.setBigInt64(at + more, value < 0 ? -1n : 0n, true)
  }
}

function encodeLongDecimal(
  text: string,
  width: number,
  scale: number,
  size: number,
  into: DataView,
  at: number,
): boolean {
  const match = /^(-?)(\d*)(?:\.(\d*?)(0*))?$/.exec(text)
  if (match === null) return false
  const kept = `${match[3] ?? ''}${match[4] ?? ''}`.slice(0, scale)
  // Zeros beyond the scale say nothing; any other digit there would be lost.
  if ((match[3] ?? '').length > scale) return false
  const value = BigInt(`${match[2]}${kept.padEnd(scale, '0')}`)
  if (value >= 10n ** BigInt(width)) return false
  const signed = match[1] === '-' ? -value : value
  if (size < 8) putDecimal(Number(signed), size, into, at)
  else
    for (let more = 0; more < size; more += 8)
      into.setBigUint64(at + more, BigInt.asUintN(64, signed >> BigInt(8 * more)), true)
  return true
}

export function encodeDate(bytes: Buffer, from: number, to: number, into: DataView, at: number): boolean {
  const days = daysOf(textOf(bytes, from, to))
  if (days === undefined) return false
  into.setInt32(at, days, true)
  return true
}

export function encodeTime(bytes: Buffer, from: number, to: number, into: DataView, at: number): boolean {
  const micros = timeOf(textOf(bytes, from, to))
  if (micros === undefined) return false
  put64(micros, into, at)
  return true
}

export function encodeTimestamp(bytes: Buffer, from: number, to: number, into: DataView, at: number): boolean {
  const plain = plainTimestamp(bytes, from, to)
  if (!Number.isNaN(plain)) {
    put64(plain, into, at)
    return true
  }
  const micros = timestampOf(textOf(bytes, from, to))
  if (micros === undefined) return false
  into.setBigInt64(at, micros, true)
  return true
}

const DAYS_BEFORE_MONTH = [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]

/** Microseconds of `2024-02-29 12:34:56[.789][+00]`, of years whose microseconds are safe integers; else NaN. */
function plainTimestamp(bytes: Buffer, from: number, to: number): number {
  if (to - from < 19 || bytes[from + 4] !== MINUS || bytes[from + 7] !== MINUS || bytes[from + 10] !== BLANK)
    return Number.NaN
  if (bytes[from + 13] !== COLON || bytes[from + 16] !== COLON) return Number.NaN
  const year = twoDigits(bytes, from) * 100 + twoDigits(bytes, from + 2)
  const month = twoDigits(bytes, from + 5)
  const day = twoDigits(bytes, from + 8)
  if (!(year >= 1901 && year <= 2099 && month >= 1 && month <= 12 && day >= 1 && day <= 28)) return Number.NaN
  let at = from + 19
  let micros = 0
  if (bytes[at] === POINT && at < to) {
    let unit = 100_000
    for (at++; at < to; at++, unit /= 10) {
      const digit = bytes[at]! - ZERO
      if (digit < 0 || digit > 9) break
      if (unit < 1) return Number.NaN
      micros += digit * unit
    }
  }
  const isUtc = to === at + 3 && bytes[at] === PLUS && bytes[at + 1] === ZERO && bytes[at + 2] === ZERO
  if (at !== to && !isUtc) return Number.NaN
  // From 1901 to 2099 every fourth year is a leap year.
  const leaps = Math.floor((year - 1969) / 4) + (month > 2 && year % 4 === 0 ? 1 : 0)
  const days = (year - 1970) * 365 + leaps + DAYS_BEFORE_MONTH[month]! + day - 1
  const hours = twoDigits(bytes, from + 11)
  const minutes = twoDigits(bytes, from + 14)
  const seconds = twoDigits(bytes, from + 17)
  if (!(hours < 24 && minutes < 60 && seconds < 60)) return Number.NaN
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000_000 + micros
}

/** NaN if they are none. */
function twoDigits(bytes: Buffer, at: number): number {
  const [tens, ones] = [bytes[at]! - ZERO, bytes[at + 1]! - ZERO]
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN
}
