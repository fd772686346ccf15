import { unreadable } from '../binlog/binlog-error.ts'
import type { CellOutput } from './cell-output.ts'
import type { CellReader } from './cell-reader.ts'
import { putInteger } from './digits.ts'
import { putHex } from './hex-cell.ts'
import { lengthReader } from './strings.ts'

/**
 * MariaDB's UUID, INET6 and INET4. To its binary log they are BINARY columns, without the zeros at their end; a UUID in
 * the order of its text (`Field_fbt::pack` of sql_type_fixedbin.h), whatever order the table keeps it in.
 */

const HYPHEN = 0x2d
const COLON = 0x3a
const POINT = 0x2e
/** A cell with the longest of them. */
const ROOM = 5 + 48

type Put = (bytes: Buffer, into: Buffer, at: number) => number

/** Undefined for a declared type that is none of these. */
export function fixedBinaryReader(declared: string): CellReader | undefined {
  if (declared === 'uuid') return paddedReader(16, 'a uuid', putUuid)
  if (declared === 'inet6') return paddedReader(16, 'an inet6', putInet6)
  return declared === 'inet4'
    ? paddedReader(4, 'an inet4', (bytes, into, at) => putInet4(bytes, 0, into, at))
    : undefined
}

function paddedReader(size: number, what: string, put: Put): CellReader {
  const whole = Buffer.alloc(size)
  return lengthReader(1, what, (bytes, from, to, out: CellOutput) => {
    if (to - from > size) throw unreadable(`${what} of ${to - from} bytes`)
    for (let i = 0; i < size; i++) whole[i] = from + i < to ? bytes[from + i]! : 0
    out.room(ROOM)
    const content = out.begin()
    out.at = put(whole, out.bytes, content)
    out.end(content)
  })
}

function putUuid(bytes: Buffer, into: Buffer, at: number): number {
  let to = putHex(bytes, 0, 4, into, at)
  for (let from = 4; from < 10; from += 2) {
    into[to++] = HYPHEN
    to = putHex(bytes, from, from + 2, into, to)
  }
  into[to++] = HYPHEN
  return putHex(bytes, 10, 16, into, to)
}

function putInet4(bytes: Buffer, from: number, into: Buffer, at: number): number {
  let to = at
  for (let i = 0; i < 4; i++) {
    if (i > 0) into[to++] = POINT
    to = putInteger(into, to, bytes[from + i]!)
  }
  return to
}

/** The first of the longest runs of zeros is left out, also one of a single word (`Inet6::to_string`). */
function putInet6(bytes: Buffer, into: Buffer, at: number): number {
  const word = (i: number): number => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!
  let gap = -1
  let gapLength = 0
  for (let i = 0; i < 8; i++) {
    let length = 0
    while (i + length < 8 && word(i + length) === 0) length++
    if (length > gapLength) {
      gap = i
      gapLength = length
    }
    i += length
  }
  let to = at
  for (let i = 0; i < 8; i++) {
    if (i === gap) {
      if (i === 0) into[to++] = COLON
      into[to++] = COLON
      i += gapLength - 1
    } else if (i === 6 && gap === 0 && (gapLength === 6 || (gapLength === 5 && word(5) === 0xffff))) {
      return putInet4(bytes, 12, into, to)
    } else {
      to = putShortHex(word(i), into, to)
      if (i < 7) into[to++] = COLON
    }
  }
  return to
}

function putShortHex(value: number, into: Buffer, at: number): number {
  return at + into.write(value.toString(16), at, 'latin1')
}
