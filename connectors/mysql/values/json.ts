import { readU32LE } from '../../../runtime/record/cells.ts'
import { doubleText } from '../../../runtime/record/mysql-float.ts'
import { unreadable } from '../binlog/binlog-error.ts'
import { WireType } from '../wire-types.ts'
import type { CellOutput } from './cell-output.ts'
import { decimalSize, putDecimal } from './decimal.ts'
import { MOST_DIGITS, putInteger, putSigned64, putUnsigned64 } from './digits.ts'
import { putBase64, putJsonString, putWord } from './json-string.ts'
import { putPackedDatetime, putTime } from './temporal.ts'

/**
 * MySQL's binary JSON (sql-common/json_binary.h) as the text that the server prints for it: a blank behind each colon and
 * comma, keys as they are stored, `.0` behind whole doubles. Nothing is read beyond the document, and no more bytes than
 * it has: one whose parts overlap could be text without end.
 */

const Kind = {
  smallObject: 0,
  largeObject: 1,
  smallArray: 2,
  largeArray: 3,
  literal: 4,
  int16: 5,
  uint16: 6,
  int32: 7,
  uint32: 8,
  int64: 9,
  uint64: 10,
  double: 11,
  string: 12,
  opaque: 15,
} as const

const LITERALS = ['null', 'true', 'false'] as const

/** The server's own limit on arrays and objects within each other. */
const DEPTH = 100

const COLON = 0x3a
const COMMA = 0x2c
const BLANK = 0x20
const QUOTE = 0x22
const [OPEN_ARRAY, CLOSE_ARRAY] = [0x5b, 0x5d]
const [OPEN_OBJECT, CLOSE_OBJECT] = [0x7b, 0x7d]
/** Of any scalar that is neither text nor bytes. */
const ROOM = 100

/** One whole cell. */
export function writeJson(bytes: Buffer, from: number, to: number, out: CellOutput): void {
  out.room(ROOM)
  const content = out.begin()
  putJson(bytes, from, to, out)
  out.end(content)
}

/** The text alone, from `out.at` on. An empty document is what IGNORE makes of a wrong one: the server prints null. */
export function putJson(bytes: Buffer, from: number, to: number, out: CellOutput): void {
  if (from === to) {
    putWord(LITERALS[0], out)
    return
  }
  putValue({ bytes, left: to - from, out, length: 0 }, bytes[from]!, from + 1, to, 0)
}

interface Document {
  readonly bytes: Buffer
  readonly out: CellOutput
  /** Bytes that are no part of any value yet. */
  left: number
  /** What `takeLength` found. */
  length: number
}

/** Takes note that these bytes are part of one value, and that they are there. */
function take(document: Document, at: number, size: number, end: number): void {
  document.left -= size
  if (at + size > end || document.left < 0) throw unreadable('a JSON document with a part beyond its end')
}

function putValue(document: Document, kind: number, at: number, end: number, depth: number): void {
  switch (kind) {
    case Kind.smallObject:
    case Kind.largeObject:
    case Kind.smallArray:
    case Kind.largeArray:
      putContainer(document, kind <= Kind.largeObject, (kind & 1) === 1, at, end, depth + 1)
      return
    case Kind.string: {
      const from = takeLength(document, at, end)
      take(document, from, document.length, end)
      putJsonString(document.bytes, from, from + document.length, document.out)
      return
    }
    case Kind.opaque:
      putOpaque(document, at, end)
      return
    default:
      putScalar(document, kind, at, end)
  }
}

/** A length in groups of 7 bits, the lowest first. Answers where what it is the length of begins. */
function takeLength(document: Document, at: number, end: number): number {
  document.length = 0
  for (let i = 0; i < 5; i++) {
    take(document, at + i, 1, end)
    const byte = document.bytes[at + i]!
    document.length += (byte & 0x7f) * 2 ** (7 * i)
    if (byte < 0x80) return at + i + 1
  }
  throw unreadable('a JSON document with a length of more than 32 bits')
}

function putScalar(document: Document, kind: number, at: number, end: number): void {
  const { bytes, out } = document
  out.room(ROOM)
  switch (kind) {
    case Kind.literal: {
      take(document, at, 1, end)
      const literal = LITERALS[bytes[at]!]
      if (literal === undefined) throw unreadable(`a JSON document with the literal ${bytes[at]}`)
      putWord(literal, out)
      return
    }
    case Kind.int16:
      take(document, at, 2, end)
      out.at = putInteger(out.bytes, out.at, (u16(bytes, at) << 16) >> 16)
      return
    case Kind.uint16:
      take(document, at, 2, end)
      out.at = putInteger(out.bytes, out.at, u16(bytes, at))
      return
    case Kind.int32:
      take(document, at, 4, end)
      out.at = putInteger(out.bytes, out.at, readU32LE(bytes, at) | 0)
      return
    case Kind.uint32:
      take(document, at, 4, end)
      out.at = putInteger(out.bytes, out.at, readU32LE(bytes, at))
      return
    case Kind.int64:
    case Kind.uint64: {
      take(document, at, 8, end)
      const put = kind === Kind.int64 ? putSigned64 : putUnsigned64
      out.at = put(out.bytes, out.at, readU32LE(bytes, at + 4), readU32LE(bytes, at))
      return
    }
    case Kind.double: {
      take(document, at, 8, end)
      const text = doubleText(bytes.readDoubleLE(at))
      putWord(text, out)
      if (!text.includes('.') && !text.includes('e')) putWord('.0', out)
      return
    }
    default:
      throw unreadable(`a JSON document with a value of kind ${kind}`)
  }
}

/**
 * `at`: where its counts begin, from which its offsets are counted. Count and size in 2 or 4 bytes, then for objects an
 * entry for each key (offset, 2 bytes of length), then one for each value (kind, then the value itself if it fits there,
 * else its offset).
 */
function putContainer(
  document: Document,
  isObject: boolean,
  isLarge: boolean,
  at: number,
  end: number,
  depth: number,
): void {
  if (depth > DEPTH) throw unreadable(`a JSON document of more than ${DEPTH} levels`)
  const { bytes, out } = document
  const wide = isLarge ? 4 : 2
  take(document, at, 2 * wide, end)
  const count = offsetAt(document, at, isLarge)
  const bound = at + offsetAt(document, at + wide, isLarge)
  const keys = at + 2 * wide
  const values = isObject ? keys + count * (wide + 2) : keys
  if (bound > end) throw unreadable('a JSON document with a part beyond its end')
  take(document, keys, values - keys + count * (wide + 1), bound)
  out.room(ROOM)
  out.bytes[out.at++] = isObject ? OPEN_OBJECT : OPEN_ARRAY
  for (let i = 0; i < count; i++) {
    out.room(ROOM)
    if (i > 0) {
      out.bytes[out.at++] = COMMA
      out.bytes[out.at++] = BLANK
    }
    if (isObject) {
      const entry = keys + i * (wide + 2)
      const from = at + offsetAt(document, entry, isLarge)
      const size = u16(bytes, entry + wide)
      take(document, from, size, bound)
      putJsonString(bytes, from, from + size, out)
      out.room(ROOM)
      out.bytes[out.at++] = COLON
      out.bytes[out.at++] = BLANK
    }
    putEntry(document, values + i * (wide + 1), at, bound, isLarge, depth)
  }
  out.room(ROOM)
  out.bytes[out.at++] = isObject ? CLOSE_OBJECT : CLOSE_ARRAY
}

function putEntry(
  document: Document,
  entry: number,
  base: number,
  bound: number,
  isLarge: boolean,
  depth: number,
): void {
  const kind = document.bytes[entry]!
  const isInline =
    kind === Kind.literal ||
    kind === Kind.int16 ||
    kind === Kind.uint16 ||
    (isLarge && (kind === Kind.int32 || kind === Kind.uint32))
  if (!isInline) {
    putValue(document, kind, base + offsetAt(document, entry + 1, isLarge), bound, depth)
    return
  }
  // Its bytes were counted with the entries.
  const { left } = document
  document.left = left + 4
  putScalar(document, kind, entry + 1, bound)
  document.left = left
}

function offsetAt(document: Document, at: number, isLarge: boolean): number {
  return isLarge ? readU32LE(document.bytes, at) : u16(document.bytes, at)
}

function u16(bytes: Buffer, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8)
}

/** Type code of a column, a length, and the value as the server keeps one of such a column. */
function putOpaque(document: Document, at: number, end: number): void {
  take(document, at, 1, end)
  const { bytes, out } = document
  const type = bytes[at]!
  const from = takeLength(document, at + 1, end)
  const size = document.length
  take(document, from, size, end)
  out.room(ROOM + MOST_DIGITS)
  switch (type) {
    case WireType.newdecimal: {
      const [precision, scale] = [bytes[from]!, bytes[from + 1]!]
      if (size < 2 || size - 2 < decimalSize(precision, scale)) throw unreadable('a JSON document with a cut decimal')
      out.at = putDecimal(bytes, from + 2, precision, scale, out)
      return
    }
    case WireType.date:
    case WireType.datetime:
    case WireType.timestamp:
    case WireType.time:
      if (size !== 8) throw unreadable('a JSON document with a cut date or time')
      putTemporal(document, type, from)
      return
    case WireType.varString:
      putJsonString(bytes, from, from + size, out)
      return
    default:
      putBase64(`base64:type${type}:`, bytes, from, from + size, out)
  }
}

function putTemporal(document: Document, type: number, from: number): void {
  const { bytes, out } = document
  const low = readU32LE(bytes, from)
  const high = bytes.readInt32LE(from + 4)
  out.bytes[out.at++] = QUOTE
  out.at =
    type === WireType.time
      ? putTime(out.bytes, out.at, high * 0x1_0000_0000 + low, 6)
      : putPackedDatetime(out.bytes, out.at, high * 256 + (low >>> 24), low & 0xff_ffff, type !== WireType.date)
  out.bytes[out.at++] = QUOTE
}
