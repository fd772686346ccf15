import { inflateSync } from 'node:zlib'
import { cut, tooLarge, unreadable } from './binlog-error.ts'

/** The upper bits of the first byte: compressed, with zlib. */
const ZLIB = 0x80
const KIND = 0xf8
const LENGTH_SIZE = 0x07

/**
 * Inflates what stands from `at` to `end`: a byte that says how many bytes the length has, 1 to 4, the length in
 * big-endian order, then zlib's format (binlog_buf_compress in MariaDB's sql/log_event.cc). Throws BINLOG_UNREADABLE,
 * and VALUE_TOO_LARGE beyond `limit` bytes.
 */
export function inflateRecord(bytes: Buffer, at: number, end: number, limit: number): Buffer {
  if (at >= end) throw cut('a compressed event')
  const head = bytes[at]!
  const size = head & LENGTH_SIZE
  if ((head & KIND) !== ZLIB || size < 1 || size > 4) throw unreadable(`a compressed event begins with byte ${head}`)
  const from = at + 1 + size
  if (from > end) throw cut('a compressed event')
  const length = bytes.readUIntBE(at + 1, size)
  if (length > limit) throw tooLarge('a compressed event', length, limit)
  const inflated = inflate(bytes.subarray(from, end), length)
  if (inflated.length !== length) throw unreadable(`a compressed event has ${inflated.length} bytes and says ${length}`)
  return inflated
}

function inflate(bytes: Buffer, length: number): Buffer {
  try {
    // zlib wants room for one byte at least.
    return inflateSync(bytes, { maxOutputLength: Math.max(1, length) })
  } catch (cause) {
    throw unreadable('a compressed event cannot be decompressed', cause)
  }
}
