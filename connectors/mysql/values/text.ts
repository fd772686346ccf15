import { isAscii, isUtf8 } from 'node:buffer'
import type { CellOutput } from './cell-output.ts'

/**
 * Writes the text that stands from `from` to `to` in some character set as one whole cell of UTF-8; what is none in that
 * character set as the bytes themselves, tagged so (CellTag.bytes), like text of an SQL_ASCII database.
 */
export type WriteText = (bytes: Buffer, from: number, to: number, out: CellOutput) => void

/** Head of a cell. */
const HEAD = 5
/** Values up to this length are looked at here: a native call costs more than it saves. */
const SHORT = 64

/** Of utf8mb4 and utf8mb3. */
export function writeUtf8(bytes: Buffer, from: number, to: number, out: CellOutput): void {
  if (out.copyAscii(bytes, from, to)) return
  const isText = to - from > SHORT ? isUtf8(bytes.subarray(from, to)) : isShortUtf8(bytes, from, to)
  if (isText) out.copy(bytes, from, to)
  else out.raw(bytes, from, to)
}

/** As `isUtf8`, without an object for the part (RFC 3629, section 4). */
function isShortUtf8(bytes: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; ) {
    const first = bytes[i++]!
    if (first < 0x80) continue
    const more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1
    if (first < 0xc2 || first > 0xf4 || i + more > to) return false
    const second = bytes[i]!
    if (first === 0xe0 && second < 0xa0) return false
    if (first === 0xed && second > 0x9f) return false
    if (first === 0xf0 && second < 0x90) return false
    if (first === 0xf4 && second > 0x8f) return false
    for (const end = i + more; i < end; i++) if ((bytes[i]! & 0xc0) !== 0x80) return false
  }
  return true
}

/** Of ascii, which the servers do not keep other bytes out of. */
export function writeAscii(bytes: Buffer, from: number, to: number, out: CellOutput): void {
  if (out.copyAscii(bytes, from, to)) return
  if (isAscii(bytes.subarray(from, to))) out.copy(bytes, from, to)
  else out.raw(bytes, from, to)
}

/** Code point of what no character stands for. */
export const NONE = 0xffff_ffff

/** Of a character set of one byte: the code point of each. */
export function singleByteWriter(points: Uint32Array): WriteText {
  return (bytes, from, to, out) => {
    const before = out.at
    out.room(HEAD + 3 * (to - from))
    const content = out.begin()
    const into = out.bytes
    let position = content
    for (let i = from; i < to; i++) {
      const point = points[bytes[i]!]!
      if (point < 0x80) into[position++] = point
      else if (point === NONE) {
        out.at = before
        out.raw(bytes, from, to)
        return
      } else position = putPoint(into, position, point)
    }
    out.at = position
    out.end(content)
  }
}

/** Reads the character at `at`: its code point or NONE, and its bytes; the two halves of one number, code point first. */
export type ReadPoint = (bytes: Buffer, at: number, to: number) => number

/** Code point and length as `ReadPoint` answers them. */
export function pointOf(point: number, length: number): number {
  return point * 8 + length
}

export const NO_POINT = -1

/** Of a character set whose characters have several bytes, of which none becomes more than three of UTF-8. */
export function multiByteWriter(read: ReadPoint): WriteText {
  return (bytes, from, to, out) => {
    const before = out.at
    out.room(HEAD + 3 * (to - from))
    const content = out.begin()
    const into = out.bytes
    let position = content
    for (let i = from; i < to; ) {
      const found = read(bytes, i, to)
      if (found === NO_POINT) {
        out.at = before
        out.raw(bytes, from, to)
        return
      }
      const length = found % 8
      position = putPoint(into, position, (found - length) / 8)
      i += length
    }
    out.at = position
    out.end(content)
  }
}

function putPoint(into: Buffer, at: number, point: number): number {
  let position = at
  if (point < 0x80) into[position++] = point
  else if (point < 0x800) {
    into[position++] = 0xc0 | (point >> 6)
    into[position++] = 0x80 | (point & 63)
  } else if (point < 0x1_0000) {
    into[position++] = 0xe0 | (point >> 12)
    into[position++] = 0x80 | ((point >> 6) & 63)
    into[position++] = 0x80 | (point & 63)
  } else {
    into[position++] = 0xf0 | (point >> 18)
    into[position++] = 0x80 | ((point >> 12) & 63)
    into[position++] = 0x80 | ((point >> 6) & 63)
    into[position++] = 0x80 | (point & 63)
  }
  return position
}

const isSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdfff

/** Of utf16 (`high` byte first), utf16le, and ucs2, which has no pairs. */
export function utf16Reader(order: 'big' | 'little', pairs: boolean): ReadPoint {
  const [high, low] = order === 'big' ? [0, 1] : [1, 0]
  const unit = (bytes: Buffer, at: number): number => (bytes[at + high]! << 8) | bytes[at + low]!
  return (bytes, at, to) => {
    if (at + 2 > to) return NO_POINT
    const first = unit(bytes, at)
    if (!isSurrogate(first)) return pointOf(first, 2)
    if (!pairs || first >= 0xdc00 || at + 4 > to) return NO_POINT
    const second = unit(bytes, at + 2)
    if (second < 0xdc00 || second > 0xdfff) return NO_POINT
    return pointOf(0x1_0000 + ((first & 0x3ff) << 10) + (second & 0x3ff), 4)
  }
}

export function readUtf32(bytes: Buffer, at: number, to: number): number {
  if (at + 4 > to) return NO_POINT
  const point = bytes.readUInt32BE(at)
  return point > 0x10_ffff || isSurrogate(point) ? NO_POINT : pointOf(point, 4)
}
