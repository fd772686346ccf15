import { crc32 } from 'node:zlib'

/**
 * A chunk: what one append puts into a segment. Little-endian.
 *
 *   at  size  field
 *    0     4  magic
 *    4     1  type: data (a batch's entries as they came), tables (definitions, takes no offsets), compacted (what is
 *             left of several data chunks, compaction/payload.ts), places (of the chunks of a segment written anew, at its
 *             end; takes no offsets), packed (a data chunk in the same form, without the rows that were forgotten)
 *    5     3  zero
 *    8     8  length of the payload
 *   16     8  base: offset of the first entry (tables: of the entry that comes next)
 *   24     4  entries; compacted, packed: offsets that it stands for
 *   28     4  changes among them
 *   32     8  offset of the first entry of the unit
 *   40     8  session that wrote it
 *   48     8  append time, microseconds since 1970; compacted: of the newest chunk in it
 *   56     4  bytes of the unit end at the payload's end; 0: the unit goes on
 *   60     4  checksum of the chunk before it in the segment, or of the segment's header
 *   64     4  crc32 of the header up to here
 *   68     4  crc32 of the header up to here and the payload, seeded with the field at 60
 *   72        payload
 *
 * The header's own checksum makes a length trustworthy before the payload is read. The unit's first offset tells a torn
 * unit from damage: no chunk of a unit is written before the unit ahead of it is durable.
 */
export const CHUNK_HEADER = 72
export const CHUNK_MAGIC = Buffer.from('TRc\x01', 'latin1')

export const ChunkType = { data: 1, tables: 2, compacted: 3, places: 4, packed: 5 } as const

/** Chunks of this type hold entries, and stand for offsets. */
export function holdsEntries(type: number): boolean {
  return type === ChunkType.data || inBlocks(type)
}

/** Their payload is one of compaction/payload.ts. */
export function inBlocks(type: number): boolean {
  return type === ChunkType.compacted || type === ChunkType.packed
}

export interface ChunkHead {
  readonly type: number
  readonly base: number
  readonly entries: number
  readonly changes: number
  readonly unitBase: number
  /** 16 hexadecimal digits. */
  readonly session: string
  readonly appendTime: bigint
  readonly endSize: number
}

export interface ChunkHeader extends ChunkHead {
  readonly length: number
  readonly seed: number
  readonly crc: number
}

/** The header for this payload, and the checksum that the next chunk of the segment is seeded with. */
export function sealChunk(head: ChunkHead, payload: Uint8Array, seed: number): { header: Buffer; crc: number } {
  const header = Buffer.alloc(CHUNK_HEADER)
  CHUNK_MAGIC.copy(header)
  header[4] = head.type
  writeU64(header, 8, payload.length)
  writeU64(header, 16, head.base)
  header.writeUInt32LE(head.entries, 24)
  header.writeUInt32LE(head.changes, 28)
  writeU64(header, 32, head.unitBase)
  header.write(head.session, 40, 'hex')
  header.writeBigInt64LE(head.appendTime, 48)
  header.writeUInt32LE(head.endSize, 56)
  header.writeUInt32LE(seed, 60)
  header.writeUInt32LE(crc32(header.subarray(0, 64)), 64)
  const crc = chunkCrc(header, 0, payload, seed)
  header.writeUInt32LE(crc, 68)
  return { header, crc }
}

/** The header at `at`, or undefined if none whole and sound stands there. */
export function decodeChunkHeader(bytes: Buffer, at: number): ChunkHeader | undefined {
  if (at + CHUNK_HEADER > bytes.length || bytes.compare(CHUNK_MAGIC, 0, 4, at, at + 4) !== 0) return undefined
  if (crc32(bytes.subarray(at, at + 64)) !== bytes.readUInt32LE(at + 64)) return undefined
  return {
    type: bytes[at + 4]!,
    length: readU64(bytes, at + 8),
    base: readU64(bytes, at + 16),
    entries: bytes.readUInt32LE(at + 24),
    changes: bytes.readUInt32LE(at + 28),
    unitBase: readU64(bytes, at + 32),
    session: bytes.toString('hex', at + 40, at + 48),
    appendTime: bytes.readBigInt64LE(at + 48),
    endSize: bytes.readUInt32LE(at + 56),
    seed: bytes.readUInt32LE(at + 60),
    crc: bytes.readUInt32LE(at + 68),
  }
}

/** Checksum over the header that stands at `at` and the payload. */
export function chunkCrc(bytes: Buffer, at: number, payload: Uint8Array, seed: number): number {
  return crc32(payload, crc32(bytes.subarray(at, at + 68), seed))
}

export function writeU64(into: Buffer, at: number, value: number): void {
  into.writeUInt32LE(value % 2 ** 32, at)
  into.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4)
}

export function readU64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 2 ** 32
}
