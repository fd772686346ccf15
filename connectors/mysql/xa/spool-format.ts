import { crc32 } from 'node:zlib'
import { readU32LE, writeU32LE } from '../../../runtime/record/cells.ts'

/**
 * How the events of a transaction that is only prepared are kept: a mark, then chunks, each `u32 bytes, u32 checksum` and
 * whole events, then an empty chunk. Checksums are seeded with the one before, the first with the name. An event is
 * `u32 bytes, u8 type` and what stands between its header and its own checksum. Integers little-endian.
 */

export const MARK = Buffer.from('TRXA\x01\0\0\0', 'latin1')
export const CHUNK_HEAD = 8
export const EVENT_HEAD = 5

/** Of a chunk's bytes, behind the checksum before. */
export function chunkChecksum(bytes: Buffer, before: number): number {
  return crc32(bytes, before)
}

/** What the first checksum is seeded with. */
export function nameChecksum(name: string): number {
  return crc32(name)
}

export function chunkHead(bytes: number, checksum: number): Buffer {
  const head = Buffer.alloc(CHUNK_HEAD)
  writeU32LE(head, 0, bytes)
  writeU32LE(head, 4, checksum)
  return head
}

/** Writes one event; answers where it ends. There must be room. */
export function putEvent(into: Buffer, at: number, type: number, bytes: Buffer, from: number, end: number): number {
  writeU32LE(into, at, end - from)
  into[at + 4] = type
  bytes.copy(into, at + EVENT_HEAD, from, end)
  return at + EVENT_HEAD + end - from
}

/** Where the event at `at` ends. */
export function eventEnd(bytes: Buffer, at: number): number {
  return at + EVENT_HEAD + readU32LE(bytes, at)
}

export function eventType(bytes: Buffer, at: number): number {
  return bytes[at + 4]!
}
