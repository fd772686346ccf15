import { isUtf8 } from 'node:buffer'
import { TailraceError } from '../errors.ts'
import { CellTag, LONG } from './layout.ts'

/** Walking runs of cells (layout.ts). All functions throw RECORD_MALFORMED instead of reading beyond `end`. */

export function malformed(what: string, at: number, cause?: unknown): TailraceError {
  return new TailraceError('RECORD_MALFORMED', 'stop', `A record cannot be read: ${what} at byte ${at}.`, {
    cause,
    hint: 'The log or a plugin is damaged or newer than this version of Tailrace. Keep the files and report it.',
  })
}

/** The same memory as a Buffer, without copying. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

export function readU32BE(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}

export function writeU32BE(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

export function readU32LE(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
}

export function writeU32LE(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value
  bytes[at + 1] = value >>> 8
  bytes[at + 2] = value >>> 16
  bytes[at + 3] = value >>> 24
}

/** A 64-bit length as a number; beyond 2^53 is malformed. */
export function readU64BE(bytes: Uint8Array, at: number): number {
  const value = readU32BE(bytes, at) * 0x1_0000_0000 + readU32BE(bytes, at + 4)
  if (!Number.isSafeInteger(value)) throw malformed('a length beyond 2^53', at)
  return value
}

export function writeU64BE(bytes: Uint8Array, at: number, value: number): void {
  writeU32BE(bytes, at, Math.floor(value / 0x1_0000_0000))
  writeU32BE(bytes, at + 4, value % 0x1_0000_0000)
}

/** Where the cell's content begins: behind the tag and, for text and bytes, behind the length. */
export function contentAt(bytes: Uint8Array, at: number): number {
  const tag = bytes[at]
  if (tag !== CellTag.text && tag !== CellTag.bytes) return at + 1
  return readU32BE(bytes, at + 1) === LONG ? at + 13 : at + 5
}

/** The position behind the cell that begins at `at`. */
export function cellEnd(bytes: Uint8Array, at: number, end: number): number {
  const tag = bytes[at]
  let next = at + 1
  if (tag === CellTag.text || tag === CellTag.bytes) {
    // Signed on purpose: what does not fit 31 bits is rare and comes out negative.
    const length = (bytes[at + 1]! << 24) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 8) | bytes[at + 4]!
    next = length < 0 ? largeCellEnd(bytes, at) : at + 5 + length
  } else if (tag !== CellTag.null && tag !== CellTag.absent) throw malformed(`an unknown cell tag ${tag}`, at)
  if (next > end) throw malformed('a cut cell', at)
  return next
}

function largeCellEnd(bytes: Uint8Array, at: number): number {
  const length = readU32BE(bytes, at + 1)
  return length === LONG ? at + 13 + readU64BE(bytes, at + 5) : at + 5 + length
}

/** Text of the cell from `at` to `end`; null for null and absent. Bytes that are not text come as `\\x` and hex. */
export function cellText(bytes: Buffer, at: number, end: number): string | null {
  if (bytes[at] === CellTag.text) return bytes.toString('utf8', contentAt(bytes, at), end)
  return bytes[at] === CellTag.bytes ? `\\x${bytes.toString('hex', contentAt(bytes, at), end)}` : null
}

/** The text of each cell of a run. */
export function cellTexts(run: Uint8Array): (string | null)[] {
  const bytes = asBuffer(run)
  const texts: (string | null)[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = cellEnd(bytes, at, bytes.length)
    texts.push(cellText(bytes, at, end))
    at = end
  }
  return texts
}

/** Bytes that a text cell of this many content bytes takes. */
export function textCellSize(length: number): number {
  return length >= LONG ? 13 + length : 5 + length
}

/** Writes tag and length of a text or bytes cell; answers where its content goes. */
export function writeCellHead(into: Uint8Array, at: number, tag: CellTag, length: number): number {
  into[at] = tag
  if (length < LONG) {
    writeU32BE(into, at + 1, length)
    return at + 5
  }
  writeU32BE(into, at + 1, LONG)
  writeU64BE(into, at + 5, length)
  return at + 13
}

/**
 * A row's cells from JavaScript values, for sources without a wire form of their own: null, undefined for absent, text,
 * or bytes, which are text where they are valid UTF-8.
 */
export function encodeCells(values: readonly (string | Uint8Array | null | undefined)[]): Uint8Array {
  let size = 0
  for (const value of values) {
    if (value === null || value === undefined) size += 1
    else size += textCellSize(typeof value === 'string' ? Buffer.byteLength(value) : value.length)
  }
  const into = Buffer.allocUnsafe(size)
  let at = 0
  for (const value of values) {
    if (value === null) into[at++] = CellTag.null
    else if (value === undefined) into[at++] = CellTag.absent
    else if (typeof value === 'string') {
      const length = Buffer.byteLength(value)
      at = writeCellHead(into, at, CellTag.text, length)
      at += into.write(value, at, length, 'utf8')
    } else {
      at = writeCellHead(into, at, isUtf8(value) ? CellTag.text : CellTag.bytes, value.length)
      into.set(value, at)
      at += value.length
    }
  }
  return into
}
