import { readU32LE } from '../../../runtime/record/cells.ts'
import { cut } from '../binlog/binlog-error.ts'
import type { CellOutput } from './cell-output.ts'
import type { CellReader } from './cell-reader.ts'
import { MOST_DIGITS, putInteger, putSigned64, putUnsigned64 } from './digits.ts'
import { writeDouble, writeFloat } from './float-text.ts'

/** Head of a cell, sign and digits. */
const ROOM = 5 + 1 + MOST_DIGITS

/** Reads values of one size; `write` puts out a whole cell. */
export function fixedReader(
  size: number,
  what: string,
  write: (bytes: Buffer, at: number, out: CellOutput) => void,
): CellReader {
  return {
    read(bytes, at, end, out) {
      const next = at + size
      if (next > end) throw cut(what)
      write(bytes, at, out)
      return next
    },
    skip(_bytes, at, end) {
      if (at + size > end) throw cut(what)
      return at + size
    },
  }
}

/** Integers of 1, 2, 3, 4 and 8 bytes, little-endian. */
export function integerReader(size: 1 | 2 | 3 | 4 | 8, unsigned: boolean): CellReader {
  return fixedReader(size, `a number of ${size} bytes`, size === 8 ? long(unsigned) : short(size, unsigned))
}

function short(size: 1 | 2 | 3 | 4, unsigned: boolean): (bytes: Buffer, at: number, out: CellOutput) => void {
  const spare = 32 - 8 * size
  return (bytes, at, out) => {
    let bits = bytes[at]!
    if (size > 1) bits |= bytes[at + 1]! << 8
    if (size > 2) bits |= bytes[at + 2]! << 16
    if (size > 3) bits |= bytes[at + 3]! << 24
    const value = unsigned ? bits >>> 0 : (bits << spare) >> spare
    out.room(ROOM)
    const content = out.begin()
    out.at = putInteger(out.bytes, content, value)
    out.end(content)
  }
}

function long(unsigned: boolean): (bytes: Buffer, at: number, out: CellOutput) => void {
  const put = unsigned ? putUnsigned64 : putSigned64
  return (bytes, at, out) => {
    out.room(ROOM)
    const content = out.begin()
    out.at = put(out.bytes, content, readU32LE(bytes, at + 4), readU32LE(bytes, at))
    out.end(content)
  }
}

/** One byte: years since 1900, and 0 for the year 0. As a number, like every other integer: `0`, not `0000`. */
export function yearReader(): CellReader {
  return fixedReader(1, 'a year', (bytes, at, out) => {
    const value = bytes[at]!
    out.room(ROOM)
    const content = out.begin()
    out.at = putInteger(out.bytes, content, value === 0 ? 0 : 1900 + value)
    out.end(content)
  })
}

export function floatReader(): CellReader {
  return fixedReader(4, 'a float', (bytes, at, out) => writeFloat(bytes.readFloatLE(at), out))
}

export function doubleReader(): CellReader {
  return fixedReader(8, 'a double', (bytes, at, out) => writeDouble(bytes.readDoubleLE(at), out))
}

const ONE = 0x31
const ZERO = 0x30

/** Bits of a BIT column, big-endian in as many bytes as they need: one digit each, as BIN() would with all its zeros. */
export function bitReader(bits: number): CellReader {
  const size = (bits + 7) >> 3
  return fixedReader(size, 'bits', (bytes, at, out) => {
    out.room(5 + bits)
    const content = out.begin()
    const into = out.bytes
    let to = content
    for (let bit = bits - 1; bit >= 0; bit--)
      into[to++] = (bytes[at + size - 1 - (bit >> 3)]! >> (bit & 7)) & 1 ? ONE : ZERO
    out.at = to
    out.end(content)
  })
}
