import { asBuffer } from './cells.ts'

/**
 * Values straight from a cell's bytes to JSON bytes, for the types that rows are made of. Every function answers the
 * position behind what it wrote, or -1 if `into` is too small.
 */

const QUOTE = 0x22
const BACKSLASH = 0x5c
const ZERO = 0x30
const HEX = Buffer.from('0123456789abcdef')
const TRUE = Buffer.from('true')
const FALSE = Buffer.from('false')
const FULL_HOUR = Buffer.from(':00')
/** Raw bytes that are turned into text at a time; divisible by 3 for base64. */
const PIECE = 24 * 1024
/** Below this a loop beats the call. */
const SMALL_COPY = 48

/** 1 for what a JSON string cannot hold as it is. */
const ESCAPED = new Uint8Array(256)
ESCAPED.fill(1, 0, 0x20)
ESCAPED[QUOTE] = 1
ESCAPED[BACKSLASH] = 1

export function copy(bytes: Uint8Array, from: number, to: number, into: Uint8Array, at: number): number {
  const shift = at - from
  if (to + shift > into.length) return -1
  if (to - from > SMALL_COPY) into.set(bytes.subarray(from, to), at)
  else for (let i = from; i < to; i++) into[i + shift] = bytes[i]!
  return to + shift
}

/** UTF-8 text as a JSON string. */
export function writeString(text: Uint8Array, from: number, to: number, into: Uint8Array, at: number): number {
  // Before all of it is looked at: it may be large.
  if (at + to - from + 2 > into.length) return -1
  into[at] = QUOTE
  let position = at + 1
  for (let next = from; ; next++) {
    const end = plainEnd(text, next, to)
    position = copy(text, next, end, into, position)
    if (position === -1 || position + (end === to ? 1 : 6) > into.length) return -1
    if (end === to) break
    position = writeEscape(text[end]!, into, position)
    next = end
  }
  into[position++] = QUOTE
  return position
}

/** The end of what a JSON string can hold as it is. */
function plainEnd(text: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to && ESCAPED[text[at]!] === 0) at++
  return at
}

function writeEscape(byte: number, into: Uint8Array, at: number): number {
  into[at] = BACKSLASH
  const short = SHORT_ESCAPES.get(byte)
  if (short !== undefined) {
    into[at + 1] = short
    return at + 2
  }
  into[at + 1] = 0x75
  into[at + 2] = ZERO
  into[at + 3] = ZERO
  into[at + 4] = HEX[byte >> 4]!
  into[at + 5] = HEX[byte & 15]!
  return at + 6
}

const SHORT_ESCAPES = new Map([
  [QUOTE, QUOTE],
  [BACKSLASH, BACKSLASH],
  [0x08, 0x62],
  [0x09, 0x74],
  [0x0a, 0x6e],
  [0x0c, 0x66],
  [0x0d, 0x72],
])

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= 0x39
}

/** The end of a run of digits. */
function digitsEnd(bytes: Uint8Array, from: number, to: number): number {
  let at = from
  while (at < to && isDigit(bytes[at])) at++
  return at
}

/** Whether the text is a JSON number as it stands, as every finite number is that PostgreSQL and MySQL print. */
export function isNumber(bytes: Uint8Array, from: number, to: number): boolean {
  const start = bytes[from] === 0x2d ? from + 1 : from
  let at = digitsEnd(bytes, start, to)
  if (at === start || (bytes[start] === ZERO && at > start + 1)) return false
  if (at < to && bytes[at] === 0x2e) {
    const fraction = at + 1
    at = digitsEnd(bytes, fraction, to)
    if (at === fraction) return false
  }
  if (at < to && (bytes[at]! | 0x20) === 0x65) {
    at++
    if (at < to && (bytes[at] === 0x2b || bytes[at] === 0x2d)) at++
    const exponent = at
    at = digitsEnd(bytes, exponent, to)
    if (at === exponent) return false
  }
  return at === to
}

/** JSON of a boolean's text; undefined for what is none. */
export function truthOf(bytes: Uint8Array, from: number, to: number): Buffer | undefined {
  const first = bytes[from]
  if (to - from === 1) {
    if (first === 0x74 || first === 0x31) return TRUE
    return first === 0x66 || first === ZERO ? FALSE : undefined
  }
  const word = asBuffer(bytes).toString('latin1', from, Math.min(to, from + 6))
  return word === 'true' ? TRUE : word === 'false' ? FALSE : undefined
}

/** Answer of `writeTimestamp` where the text needs record/time.ts. */
export const NOT_PLAIN = -2

/** `2026-03-04 05:06:07`: 0 where a digit stands. */
const SECONDS = Buffer.from('0000-00-00 00:00:00').map(byte => (byte === ZERO ? 0 : byte))

/** `2026-03-04 05:06:07.89[+00]` to ISO 8601. */
export function writeTimestamp(bytes: Uint8Array, from: number, to: number, into: Uint8Array, at: number): number {
  const length = to - from
  if (length < SECONDS.length) return NOT_PLAIN
  if (at + length + 5 > into.length) return -1
  let position = at
  into[position++] = QUOTE
  for (let i = 0; i < SECONDS.length; i++) {
    const byte = bytes[from + i]!
    const separator = SECONDS[i]!
    if (separator === 0 ? byte < ZERO || byte > 0x39 : byte !== separator) return NOT_PLAIN
    into[position++] = byte
  }
  into[at + 11] = 0x54
  if (isZero(bytes, from + 5) || isZero(bytes, from + 8)) return NOT_PLAIN
  let zoneAt = from + SECONDS.length
  if (zoneAt < to && bytes[zoneAt] === 0x2e) zoneAt = digitsEnd(bytes, zoneAt + 1, to)
  const sign = bytes[zoneAt]
  const isZone = to - zoneAt === 3 && (sign === 0x2b || sign === 0x2d) && digitsEnd(bytes, zoneAt + 1, to) === to
  if (zoneAt !== to && !isZone) return NOT_PLAIN
  const isUtc = isZone && isZero(bytes, zoneAt + 1)
  position = copy(bytes, from + SECONDS.length, isUtc ? zoneAt : to, into, position)
  if (isUtc) into[position++] = 0x5a
  else if (isZone) position = copy(FULL_HOUR, 0, FULL_HOUR.length, into, position)
  into[position++] = QUOTE
  return position
}

/** Two zeros: a zone that is UTC, or a part of one of MySQL's zero dates. */
function isZero(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === ZERO && bytes[at + 1] === ZERO
}

/** Bytes as base64; `text`: they are written as `\x` and hex, as PostgreSQL prints bytea. In pieces: they may be huge. */
export function writeBase64(
  bytes: Buffer,
  from: number,
  to: number,
  text: boolean,
  into: Uint8Array,
  at: number,
): number {
  // Before all of it is looked at: what is hex needs half of what other bytes do.
  if (at + ((to - from) >> 3) * 5 > into.length) return -1
  const isHex = text && hasHex(bytes, from, to)
  const width = isHex ? 2 : 1
  const start = isHex ? from + 2 : from
  const size = Math.ceil((to - start) / width / 3) * 4 + 2
  if (at + size > into.length) return -1
  const target = asBuffer(into)
  let position = at
  target[position++] = QUOTE
  for (let i = start; i < to; i += PIECE * width) {
    const end = Math.min(i + PIECE * width, to)
    const raw = isHex ? Buffer.from(bytes.toString('latin1', i, end), 'hex') : bytes.subarray(i, end)
    position += target.write(raw.toString('base64'), position, 'latin1')
  }
  target[position++] = QUOTE
  return position
}

/** Bytes that are not text, as a string of `\x` and hex. */
export function writeHex(bytes: Buffer, from: number, to: number, into: Uint8Array, at: number): number {
  if (at + 2 * (to - from) + 5 > into.length) return -1
  const target = asBuffer(into)
  let position = at + target.write('"\\\\x', at, 'latin1')
  for (let i = from; i < to; i += PIECE)
    position += target.write(bytes.toString('hex', i, Math.min(i + PIECE, to)), position, 'latin1')
  target[position++] = QUOTE
  return position
}

function hasHex(bytes: Uint8Array, from: number, to: number): boolean {
  if ((to - from) % 2 !== 0 || bytes[from] !== BACKSLASH || bytes[from + 1] !== 0x78) return false
  for (let i = from + 2; i < to; i++) {
    const byte = bytes[i]! | 0x20
    if (!isDigit(bytes[i]) && (byte < 0x61 || byte > 0x66)) return false
  }
  return true
}
