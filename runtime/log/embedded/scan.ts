import { giveBack, LARGE_BYTES } from '../../large-memory.ts'
import { CHUNK_HEADER, type ChunkHeader, chunkCrc, decodeChunkHeader, inBlocks } from './chunk.ts'
import { unpackPayload } from './compaction/payload.ts'
import type { File } from './fs.ts'
import { checkSegmentHeader, SEGMENT_HEADER } from './segment.ts'

/** Where the next chunk stands, and the checksum it must be seeded with. */
export interface Place {
  /** First offset of the segment. */
  readonly segment: number
  readonly at: number
  readonly crc: number
}

export interface FoundChunk {
  readonly header: ChunkHeader
  readonly at: number
  readonly end: number
  /** Its entries where it holds any, decompressed. */
  readonly payload: Buffer
}

/** Why nothing sound stands at `at`. */
export interface Flaw {
  readonly at: number
  readonly flaw: string
}

export function isFlaw(step: object | undefined): step is Flaw {
  return step !== undefined && 'flaw' in step
}

const NOTHING = Buffer.alloc(0)
const WINDOW = 1024 * 1024
/** Some more than a part of a unit. */
const KEPT_BYTES = 6 * 1024 * 1024
/** Where only headers are looked at. */
const SMALL_WINDOW = 16 * 1024

/** Where the first chunk of a segment stands. */
export async function openSegment(file: File, first: number, logId: string): Promise<Place | Flaw> {
  const bytes = Buffer.alloc(SEGMENT_HEADER)
  const length = await file.read(bytes, 0)
  const checked = checkSegmentHeader(bytes.subarray(0, length), first, logId)
  if (typeof checked === 'string') return { at: 0, flaw: checked }
  return { segment: first, at: SEGMENT_HEADER, crc: checked }
}

/** Where to read so many bytes to. */
export type WindowMemory = (size: number) => Buffer

const freshMemory: WindowMemory = size => Buffer.allocUnsafeSlow(size)

/**
 * One window after the other in the same memory, for whom a chunk is used up when the next one is read. New memory for
 * each falls to pieces between the small ones that a thread holds. What does not fit has memory of its own.
 */
export class KeptMemory {
  #kept: Buffer = NOTHING

  /** See WindowMemory. */
  readonly take: WindowMemory = size => {
    if (size > KEPT_BYTES) return freshMemory(size)
    if (this.#kept.length < size) this.#kept = freshMemory(KEPT_BYTES)
    return this.#kept.subarray(0, size)
  }

  /** The chunk is used up. */
  giveBack(payload: Buffer): void {
    if (payload.buffer !== this.#kept.buffer) giveBack(payload)
  }

  [Symbol.dispose](): void {
    giveBack(this.#kept)
  }
}

/** Of large payloads such that can go to another thread as it is. */
export const shareableMemory: WindowMemory = size =>
  size >= LARGE_BYTES ? Buffer.from(new SharedArrayBuffer(size)) : freshMemory(size)

/**
 * Steps through the chunks of one segment, reading it in windows; a chunk larger than a window is read whole. Payloads
 * are views on buffers that are never written again, so they may be kept; with other memory, as long as that says.
 */
export class SegmentScan {
  readonly #file: File
  #window: Buffer = NOTHING
  #windowAt = 0
  #at: number
  #crc: number
  readonly #memory: WindowMemory
  /** Nothing at or beyond this byte is looked at. */
  limit: number

  constructor(
    file: File,
    place: { readonly at: number; readonly crc: number },
    limit: number,
    memory: WindowMemory = freshMemory,
  ) {
    this.#file = file
    this.#at = place.at
    this.#crc = place.crc
    this.limit = limit
    this.#memory = memory
  }

  get at(): number {
    return this.#at
  }

  get crc(): number {
    return this.#crc
  }

  /** The next chunk with every checksum verified; undefined at the limit. */
  async next(): Promise<FoundChunk | Flaw | undefined> {
    const header = await this.#header(WINDOW)
    if (header === undefined || isFlaw(header)) return header
    const at = this.#at
    const end = at + CHUNK_HEADER + header.length
    await this.#load(end - at, WINDOW)
    const from = at - this.#windowAt
    if (from + end - at > this.#window.length) return { at, flaw: 'the file ends inside a chunk' }
    const payload = this.#window.subarray(from + CHUNK_HEADER, from + end - at)
    const isSound = chunkCrc(this.#window, from, payload, header.seed) === header.crc
    // What was read for this chunk alone is not held longer than by who takes it.
    if (payload.length > WINDOW) this.#window = NOTHING
    if (!isSound) return { at, flaw: 'the chunk does not match its checksum' }
    const content = inBlocks(header.type) ? unpackPayload(payload, shareableMemory) : payload
    if (content === undefined) return { at, flaw: 'the blocks of the chunk do not fit it' }
    this.#at = end
    this.#crc = header.crc
    return { header, at, end, payload: content }
  }

  /** The header of the next chunk, without its payload; `pass` goes behind it. */
  peek(): Promise<ChunkHeader | Flaw | undefined> {
    return this.#header(SMALL_WINDOW)
  }

  pass(header: ChunkHeader): void {
    this.#at += CHUNK_HEADER + header.length
    this.#crc = header.crc
  }

  async #header(window: number): Promise<ChunkHeader | Flaw | undefined> {
    const at = this.#at
    if (at === this.limit) return undefined
    if (at + CHUNK_HEADER > this.limit) return { at, flaw: 'the file ends inside the header of a chunk' }
    await this.#load(CHUNK_HEADER, window)
    const header = decodeChunkHeader(this.#window, at - this.#windowAt)
    if (header === undefined) return { at, flaw: 'the header of a chunk does not match its checksum' }
    if (header.seed !== this.#crc) return { at, flaw: 'the chunk does not follow the one before it' }
    if (at + CHUNK_HEADER + header.length > this.limit) return { at, flaw: 'the file ends inside a chunk' }
    return header
  }

  /** Sees to it that `length` bytes from the present place are in the window, as far as the file goes. */
  async #load(length: number, window: number): Promise<void> {
    if (this.#at >= this.#windowAt && this.#at + length <= this.#windowAt + this.#window.length) return
    const size = Math.min(Math.max(length, window), this.limit - this.#at)
    const memory = this.#memory(size)
    const read = await this.#file.read(memory, this.#at)
    this.#window = memory.subarray(0, read)
    this.#windowAt = this.#at
  }
}
