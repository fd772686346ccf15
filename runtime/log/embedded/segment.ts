import { crc32 } from 'node:zlib'
import { readU64, writeU64 } from './chunk.ts'
import type { Removals } from './removals.ts'

/**
 * A segment: a file of chunks, named by the offset of its first entry.
 *
 *   0  8  magic
 *   8  4  format of the segment
 *  12  4  zero
 *  16  8  first offset
 *  24  8  log id
 *  32  8  when it was made, microseconds since 1970
 *  40  4  crc32 of the header up to here; seeds the first chunk
 */
export const SEGMENT_HEADER = 44
export const SEGMENT_FORMAT = 1
/** Of a log that holds compacted segments. */
export const COMPACTED_FORMAT = 2
/** Of one whose base holds segments that keep their history, as `forget` leaves them. */
export const FORGOTTEN_FORMAT = 3
const MAGIC = 'TAILRACE'

export interface SegmentInfo {
  readonly first: number
  /** Durable bytes, header included. */
  readonly bytes: number
  /** Changes in it. */
  readonly records: number
  /** Set once it was written anew. */
  readonly compacted?: CompactedInfo
}

export interface CompactedInfo {
  /** Which of all that were written anew: tells files of the same offsets apart. */
  readonly generation: number
  /** Where the places of its chunks stand (compaction/chunk-places.ts). */
  readonly placesAt: number
  /** Bytes of its entries before they were compressed. */
  readonly entryBytes: number
  /** Nothing is gone from it but rows that were forgotten: in all else it is as it was appended. */
  readonly keepsHistory?: true
}

/** What compaction, and `forget`, have made of a log. */
export interface Compacted {
  /** Its oldest segments: those that the base holds. Among them may be such as were never written anew. */
  readonly segments: readonly SegmentInfo[]
  /** First offset behind them: the rest is as it was appended. */
  readonly first: number
  /** See the manifest. */
  readonly removals: Removals
  readonly expiredTo: number
}

/** Its history was removed. */
export function isStripped({ compacted }: SegmentInfo): boolean {
  return compacted !== undefined && compacted.keepsHistory !== true
}

/** The name of its file. */
export function segmentName({ first, compacted }: Pick<SegmentInfo, 'first' | 'compacted'>): string {
  const digits = String(first).padStart(16, '0')
  return compacted === undefined ? `${digits}.log` : `${digits}.${compacted.generation}.log`
}

/** The first offset; undefined if the file is no segment as it was appended. */
export function segmentFirst(name: string): number | undefined {
  const match = /^(\d{16})\.log$/.exec(name)
  return match === null ? undefined : Number(match[1])
}

/** Whether it is that of a segment that was written anew. */
export function isCompactedName(name: string): boolean {
  return /^\d{16}\.\d+\.log$/.test(name)
}

export function encodeSegmentHeader(
  first: number,
  logId: string,
  madeAt: bigint,
): { readonly header: Buffer; readonly crc: number } {
  const header = Buffer.alloc(SEGMENT_HEADER)
  header.write(MAGIC, 0, 'latin1')
  header.writeUInt32LE(SEGMENT_FORMAT, 8)
  writeU64(header, 16, first)
  header.write(logId, 24, 'hex')
  header.writeBigInt64LE(madeAt, 32)
  const crc = crc32(header.subarray(0, 40))
  header.writeUInt32LE(crc, 40)
  return { header, crc }
}

/** When it was made, of a header that is whole; microseconds since 1970. */
export function segmentMadeAt(header: Buffer): bigint {
  return header.readBigInt64LE(32)
}

/** The checksum that seeds the first chunk, or what is wrong with the header. */
export function checkSegmentHeader(bytes: Buffer, first: number, logId: string): number | string {
  if (bytes.length < SEGMENT_HEADER) return 'the segment header is cut'
  const crc = crc32(bytes.subarray(0, 40))
  if (bytes.toString('latin1', 0, 8) !== MAGIC || bytes.readUInt32LE(40) !== crc)
    return 'the segment header does not match its checksum'
  if (bytes.readUInt32LE(8) > COMPACTED_FORMAT) return 'the segment was written by a newer version of Tailrace'
  if (readU64(bytes, 16) !== first) return 'the segment belongs under another name'
  if (bytes.toString('hex', 24, 32) !== logId) return 'the segment belongs to another log'
  return crc
}
