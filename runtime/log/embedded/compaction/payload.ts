import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { At } from '../../../record/layout.ts'
import { entryLength } from '../../../record/slice.ts'

/**
 * The payload of a compacted chunk: entries in blocks, each compressed on its own, so that one record is read without
 * the rest. Little-endian.
 *
 *   at  size  field
 *    0     4  blocks
 *    4     4  bytes of all entries
 *    8    16  for each block: bytes here, bytes of its entries (the same: stored as they are), delta of its first entry,
 *             where among the entries the header of the transaction stands that it begins in (NO_HEADER: in none)
 *             then the blocks
 */
const HEAD = 8
const BLOCK_HEAD = 16
export const NO_HEADER = 0xffff_ffff

/** Entries of one block: what a look-up of one record decompresses. A larger entry is a block of its own. */
const BLOCK_BYTES = 32 * 1024
/** Less than this gains nothing: it is stored as it is. */
const SMALL_BYTES = 256
const OPTIONS = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

/** A block as its chunk's directory tells of it. */
export interface Block {
  /** Bytes of the payload. */
  readonly from: number
  readonly to: number
  /** Bytes of the entries. */
  readonly rawFrom: number
  readonly rawTo: number
  readonly firstDelta: number
  /** Among the entries; NO_HEADER: none. */
  readonly headerAt: number
}

interface Part {
  readonly from: number
  readonly to: number
  readonly firstDelta: number
  readonly headerAt: number
}

/** The entries, in the log's order, as a payload. `headers`: where transaction headers stand, ascending. */
export function packPayload(entries: Buffer, headers: readonly number[]): Buffer {
  const parts = partsOf(entries, headers)
  const directory = Buffer.alloc(HEAD + parts.length * BLOCK_HEAD)
  directory.writeUInt32LE(parts.length, 0)
  directory.writeUInt32LE(entries.length, 4)
  const pieces: Buffer[] = [directory]
  let at = HEAD
  for (const { from, to, firstDelta, headerAt } of parts) {
    const raw = entries.subarray(from, to)
    const packed = raw.length < SMALL_BYTES ? raw : zstdCompressSync(raw, OPTIONS)
    const piece = packed.length < raw.length ? packed : raw
    pieces.push(piece)
    directory.writeUInt32LE(piece.length, at)
    directory.writeUInt32LE(raw.length, at + 4)
    directory.writeUInt32LE(firstDelta, at + 8)
    directory.writeUInt32LE(headerAt, at + 12)
    at += BLOCK_HEAD
  }
  return Buffer.concat(pieces)
}

function partsOf(entries: Buffer, headers: readonly number[]): Part[] {
  const parts: Part[] = []
  let from = 0
  let headerAt = NO_HEADER
  let next = 0
  for (let at = 0; at < entries.length; ) {
    at += entryLength(entries, at, entries.length)
    if (at - from < BLOCK_BYTES && at < entries.length) continue
    parts.push({ from, to: at, firstDelta: entries.readUInt32LE(from + At.delta), headerAt })
    while (next < headers.length && headers[next]! < at) headerAt = headers[next++]!
    from = at
  }
  return parts
}

/** Bytes that the directory takes at the beginning of the payload, which begins with these bytes (at least 8). */
export function directoryLength(start: Buffer): number {
  return HEAD + start.readUInt32LE(0) * BLOCK_HEAD
}

/** The blocks of a payload that begins with this directory; undefined if they do not fit `length`. */
export function blocksOf(directory: Buffer, length: number): Block[] | undefined {
  const count = directory.readUInt32LE(0)
  const blocks: Block[] = []
  let from = HEAD + count * BLOCK_HEAD
  let rawFrom = 0
  for (let i = 0; i < count; i++) {
    const at = HEAD + i * BLOCK_HEAD
    const to = from + directory.readUInt32LE(at)
    const rawTo = rawFrom + directory.readUInt32LE(at + 4)
    const firstDelta = directory.readUInt32LE(at + 8)
    blocks.push({ from, to, rawFrom, rawTo, firstDelta, headerAt: directory.readUInt32LE(at + 12) })
    from = to
    rawFrom = rawTo
  }
  return from === length && rawFrom === directory.readUInt32LE(4) ? blocks : undefined
}

/** The entries of a block, whose bytes these are. */
export function unpackBlock(bytes: Buffer, { rawFrom, rawTo }: Block): Buffer {
  if (bytes.length === rawTo - rawFrom) return bytes
  return zstdDecompressSync(bytes, { maxOutputLength: rawTo - rawFrom })
}

/** All entries of a payload that was verified, in memory of that size; undefined if it is not one. */
export function unpackPayload(payload: Buffer, memory: (size: number) => Buffer): Buffer | undefined {
  if (payload.length < HEAD || payload.length < directoryLength(payload)) return undefined
  const blocks = blocksOf(payload, payload.length)
  if (blocks === undefined) return undefined
  const entries = memory(payload.readUInt32LE(4))
  for (const block of blocks) {
    const raw = unpackBlock(payload.subarray(block.from, block.to), block)
    if (raw.length !== block.rawTo - block.rawFrom) return undefined
    raw.copy(entries, block.rawFrom)
  }
  return entries
}
