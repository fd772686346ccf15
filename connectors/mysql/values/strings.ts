import { cut, unreadable } from '../binlog/binlog-error.ts'
import type { CellOutput } from './cell-output.ts'
import type { CellReader } from './cell-reader.ts'
import { writeHexCell } from './hex-cell.ts'
import type { WriteText } from './text.ts'

/** Values with their length in front, in 1 to 4 bytes, little-endian: character strings, bytes, documents, places. */

/** Puts out what stands from `from` to `to` as one whole cell. */
export type WriteCell = (bytes: Buffer, from: number, to: number, out: CellOutput) => void

export function lengthReader(lengthBytes: number, what: string, write: WriteCell): CellReader {
  if (lengthBytes < 1 || lengthBytes > 4) throw unreadable(`${what} with a length of ${lengthBytes} bytes`)
  const bounds = (bytes: Buffer, at: number, end: number): number => {
    const from = at + lengthBytes
    if (from > end) throw cut(what)
    const to = from + lengthAt(bytes, at, lengthBytes)
    if (to > end) throw cut(what)
    return to
  }
  return {
    read(bytes, at, end, out) {
      const to = bounds(bytes, at, end)
      write(bytes, at + lengthBytes, to, out)
      return to
    },
    skip: bounds,
  }
}

function lengthAt(bytes: Buffer, at: number, lengthBytes: number): number {
  let length = bytes[at]!
  if (lengthBytes > 1) length |= bytes[at + 1]! << 8
  if (lengthBytes > 2) length |= bytes[at + 2]! << 16
  return lengthBytes > 3 ? length + bytes[at + 3]! * 0x100_0000 : length
}

/** Bytes of the length in front of a CHAR, VARCHAR, BINARY or VARBINARY of so many bytes. */
export function prefixOf(maxBytes: number): 1 | 2 {
  return maxBytes > 255 ? 2 : 1
}

/** VARCHAR and CHAR, whose blanks at the end neither the log nor a SELECT has. */
export function stringReader(maxBytes: number, write: WriteText): CellReader {
  return lengthReader(prefixOf(maxBytes), 'a string', write)
}

export function textReader(lengthBytes: number, write: WriteText): CellReader {
  return lengthReader(lengthBytes, 'a text', write)
}

export function varbinaryReader(maxBytes: number): CellReader {
  return lengthReader(prefixOf(maxBytes), 'bytes', writeBytes)
}

export function blobReader(lengthBytes: number): CellReader {
  return lengthReader(lengthBytes, 'a blob', writeBytes)
}

export function writeBytes(bytes: Buffer, from: number, to: number, out: CellOutput): void {
  writeHexCell(bytes, from, to, 0, out)
}

/** BINARY(size): zeros at its end are not in the log. `write` gets all of the bytes. */
export function binaryReader(size: number): CellReader {
  return lengthReader(prefixOf(size), 'bytes', (bytes, from, to, out) => {
    if (to - from > size) throw unreadable(`bytes beyond the ${size} of their column`)
    writeHexCell(bytes, from, to, size - (to - from), out)
  })
}
