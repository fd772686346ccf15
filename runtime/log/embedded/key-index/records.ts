import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { readU32LE } from '../../../record/cells.ts'
import { At, EntryKind, HEADER, LONG } from '../../../record/layout.ts'
import { CHUNK_HEADER, ChunkType, decodeChunkHeader } from '../chunk.ts'
import { SEGMENT_HEADER, segmentName } from '../segment.ts'
import { CompactedRecords } from './compacted-records.ts'
import type { CompactedSet } from './compacted-set.ts'
import { indexFailed } from './failures.ts'
import type { FoundRecord } from './found-record.ts'
import { blockKey, PLACE_BYTES, placeBefore } from './layout.ts'
import type { Store } from './store.ts'

/** From a place most often to the record behind it. */
const WINDOW = PLACE_BYTES + 4096
const OPEN_FILES = 32
const KNOWN_CHUNKS = 256
/** Node takes lengths of 31 bits. */
const LARGEST_READ = 2 ** 30

interface Chunk {
  readonly segment: number
  readonly file: number
  readonly type: number
  readonly base: number
  /** Offset behind it. */
  readonly next: number
  readonly appendTime: bigint
  /** Where its entries begin and end. */
  readonly at: number
  readonly end: number
}

/**
 * Reads single records from the segments: from the place before them on, by headers. Blocks the thread it is in. The
 * records asked for must not change in its life: a unit that may still be dropped has a Records of its own.
 */
export class Records implements Disposable {
  readonly #folder: string
  readonly #set: CompactedSet
  readonly #compacted: CompactedRecords
  readonly #files = new Map<number, number>()
  /** Headers read lately, by segment and place. */
  readonly #chunks = new Map<string, Chunk>()
  readonly #chunkHeader = Buffer.allocUnsafeSlow(CHUNK_HEADER)
  readonly #window = Buffer.allocUnsafeSlow(WINDOW)
  #windowFile = -1
  #windowAt = 0
  #windowLength = 0

  constructor(folder: string, set: CompactedSet) {
    this.#folder = folder
    this.#set = set
    this.#compacted = new CompactedRecords(folder, set)
  }

  /** The record at this offset, whose place `store` must know. Throws LOG_INDEX where the log is not as the index says. */
  find(store: Store, offset: number): FoundRecord {
    if (this.#set.find(offset)?.compacted !== undefined) return this.#compacted.find(offset)
    const block = store.get(blockKey(offset))
    if (block === undefined) throw indexFailed(`offset ${offset} is in no block`)
    const { segment, chunkAt, entryAt, headerAt } = placeBefore(block, offset)
    // The last window may reach into a unit that was dropped since, and is written over.
    this.#windowFile = -1
    let chunk = this.#chunk(segment, chunkAt)
    let transactionAt = headerAt
    for (let at = entryAt; ; ) {
      while (at >= chunk.end) {
        chunk = this.#chunkBehind(chunk)
        at = chunk.at
        transactionAt = 0
      }
      const header = this.#bytes(chunk.file, at, HEADER + 8)
      if (header.length < HEADER) throw this.#misfit(chunk, at, 'the file ends inside an entry')
      const short = readU32LE(header, At.length)
      const length = short === LONG ? Number(header.readBigUInt64LE(HEADER)) : short
      if (length < HEADER || at + length > chunk.end) throw this.#misfit(chunk, at, 'an entry is cut')
      const found = chunk.base + readU32LE(header, At.delta)
      if (found > offset) throw this.#misfit(chunk, at, `offset ${offset} is missing`)
      if (found === offset) return this.#found(chunk, transactionAt, at, length)
      if (header[At.kind] === EntryKind.transaction) transactionAt = at
      at += length
    }
  }

  /** Compaction has put other segments in the place of the oldest. */
  moved(): void {
    this.#compacted.moved()
    for (const [segment, file] of this.#files) {
      if (segment >= this.#set.first) continue
      closeSync(file)
      this.#files.delete(segment)
    }
    this.#chunks.clear()
    this.#windowFile = -1
  }

  [Symbol.dispose](): void {
    this.#compacted[Symbol.dispose]()
    for (const file of this.#files.values()) closeSync(file)
    this.#files.clear()
  }

  #found({ file, base, appendTime }: Chunk, headerAt: number, at: number, length: number): FoundRecord {
    const headerLength = headerAt === 0 ? 0 : readU32LE(this.#bytes(file, headerAt, HEADER), At.length)
    const copy = (into: Buffer, to: number): void => {
      this.#copy(file, headerAt, into.subarray(to, to + headerLength))
      this.#copy(file, at, into.subarray(to + headerLength, to + headerLength + length))
    }
    return { headerLength, length, base, appendTime: Number(appendTime), copy }
  }

  /** The next chunk of entries, in the same segment or at the beginning of the next. */
  #chunkBehind({ segment, file, end, next }: Chunk): Chunk {
    const isLast = readSync(file, this.#chunkHeader, 0, 1, end) === 0
    const found = isLast ? this.#chunk(next, SEGMENT_HEADER) : this.#chunk(segment, end)
    return found.type === ChunkType.data ? found : this.#chunkBehind(found)
  }

  #chunk(segment: number, at: number): Chunk {
    const name = `${segment} ${at}`
    const file = this.#open(segment)
    const known = this.#chunks.get(name)
    if (known?.file === file) return known
    const read = readSync(file, this.#chunkHeader, 0, CHUNK_HEADER, at)
    const header = decodeChunkHeader(this.#chunkHeader.subarray(0, read), 0)
    if (header === undefined) throw this.#misfit({ segment }, at, 'no chunk stands there')
    const { type, base, entries, appendTime, length } = header
    const start = at + CHUNK_HEADER
    const chunk = { segment, file, type, base, next: base + entries, appendTime, at: start, end: start + length }
    if (this.#chunks.size >= KNOWN_CHUNKS) this.#chunks.clear()
    this.#chunks.set(name, chunk)
    return chunk
  }

  #misfit({ segment }: Pick<Chunk, 'segment'>, at: number, why: string): Error {
    return indexFailed(`${segmentName({ first: segment })} at byte ${at}: ${why}`)
  }

  #isInWindow(file: number, at: number, length: number): boolean {
    return file === this.#windowFile && at >= this.#windowAt && at + length <= this.#windowAt + this.#windowLength
  }

  /** A view that the next call may overwrite; shorter only at the end of the file. */
  #bytes(file: number, at: number, length: number): Buffer {
    if (!this.#isInWindow(file, at, length)) {
      this.#windowFile = file
      this.#windowAt = at
      this.#windowLength = readSync(file, this.#window, 0, WINDOW, at)
    }
    const from = at - this.#windowAt
    return this.#window.subarray(from, Math.min(from + length, this.#windowLength))
  }

  #copy(file: number, at: number, into: Buffer): void {
    if (this.#isInWindow(file, at, into.length)) {
      this.#window.copy(into, 0, at - this.#windowAt, at - this.#windowAt + into.length)
      return
    }
    for (let done = 0; done < into.length; ) {
      const read = readSync(file, into, done, Math.min(into.length - done, LARGEST_READ), at + done)
      if (read === 0) return
      done += read
    }
  }

  #open(segment: number): number {
    const known = this.#files.get(segment)
    if (known !== undefined) return known
    const oldest = this.#files.keys().next()
    if (this.#files.size >= OPEN_FILES && oldest.done !== true) {
      closeSync(this.#files.get(oldest.value)!)
      this.#files.delete(oldest.value)
    }
    const file = openSync(join(this.#folder, segmentName({ first: segment })), 'r')
    this.#files.set(segment, file)
    return file
  }
}
