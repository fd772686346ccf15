import { inflateRawSync, inflateSync } from 'node:zlib'
import { unreadable } from '../binlog/binlog-error.ts'
import type { CellOutput } from './cell-output.ts'
import type { WriteCell } from './strings.ts'

/**
 * Values of MariaDB's COMPRESSED columns (sql/field_comp.cc): nothing for an empty one; else a byte whose upper half is
 * the method, 0 for none and 8 for zlib. With zlib, bit 3 says that its header is left out, and the lower three bits how
 * many bytes of length, big-endian, follow. `write` gets the value itself. `largest`: in bytes.
 */
export function uncompressed(write: WriteCell, largest: number): WriteCell {
  return (bytes, from, to, out: CellOutput) => {
    if (from === to) return write(bytes, from, to, out)
    const head = bytes[from]!
    if (head >> 4 === 0) return write(bytes, from + 1, to, out)
    if (head >> 4 !== 8) throw unreadable(`a column compressed by method ${head >> 4}`)
    const lengthBytes = head & 7
    const start = from + 1 + lengthBytes
    if (lengthBytes === 0 || lengthBytes > 4 || start > to) throw unreadable('the length of a compressed column')
    const length = bytes.readUIntBE(from + 1, lengthBytes)
    if (length > largest) throw unreadable(`a compressed column of ${length} bytes`)
    const value = inflate(bytes.subarray(start, to), (head & 8) !== 0, length)
    write(value, 0, value.length, out)
  }
}

function inflate(bytes: Buffer, isRaw: boolean, length: number): Buffer {
  let value: Buffer
  try {
    value = (isRaw ? inflateRawSync : inflateSync)(bytes, { maxOutputLength: length })
  } catch {
    throw unreadable('a compressed column')
  }
  if (value.length !== length) throw unreadable('a compressed column of another length')
  return value
}
