import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { readU32LE } from '../../../record/cells.ts'
import { At, EntryKind, HEADER, LONG } from '../../../record/layout.ts'
import { CHUNK_HEADER, ChunkType, decodeChunkHeader } from '../chunk.ts'
import { SEGMENT_HEADER, segmentName } from '../segment.ts'
import { indexFailed } from './failures.ts'
import { blockKey, decodeBlock } from './layout.ts'
import type { Store } from './store.ts'

const WINDOW = 16 * 1024
const OPEN_FILES = 32
/** Node takes lengths of 31 bits. */
const LARGEST_READ = 2 ** 30

/** One record of the log with its transaction's header, in memory of its own. */
export interface LogRecord {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** Where the record begins; what lies before is the header. */
  readonly at: number
  /** What the record's delta counts from. */
  readonly base: number
  readonly appendTime: bigint
}

/** Reads single records from the segments: from the place of their block on, by headers. Blocks the thread it is in. */
export class Records implements Disposable {
  readonly #folder: string
  readonly #files = new Map<number, number>()
  readonly #window = Buffer.allocUnsafeSlow(WINDOW)
  #windowFile = -1
  #windowAt = 0
  #windowLength = 0

  constructor(folder: string) {
    this.#folder = folder
  }

  /** The record at this offset, whose block `store` must know. Throws LOG_INDEX where the log is not as the index says. */
  read(store: Store, offset: number): LogRecord {
    const block = store.get(blockKey(offset))
    if (block === undefined) throw indexFailed(`offset ${offset} is in no block`)
    const { segment, chunkAt, entryAt, headerAt } = decodeBlock(block)
    // Other bytes may stand there now than at the last call: a unit that was dropped is written over.
    this.#windowFile = -1
    let chunk = this.#chunk(segment, chunkAt, offset)
    let transactionAt = headerAt
    for (let at = entryAt; ; ) {
      while (at >= chunk.end) {
        chunk = this.#chunkBehind(chunk, offset)
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
      if (found === offset) return this.#record(chunk, transactionAt, at, length)
      if (header[At.kind] === EntryKind.transaction) transactionAt = at
      at += length
    }
  }

  [Symbol.dispose](): void {
    for (const file of this.#files.values()) closeSync(file)
    this.#files.clear()
  }

  #record({ file, base, appendTime }: Chunk, headerAt: number, at: number, length: number): LogRecord {
    const headerLength = headerAt === 0 ? 0 : readU32LE(this.#bytes(file, headerAt, HEADER), At.length)
    const bytes = new Uint8Array(headerLength + length)
    if (headerLength > 0) readInto(file, bytes.subarray(0, headerLength), headerAt)
    readInto(file, bytes.subarray(headerLength), at)
    return { bytes, at: headerLength, base, appendTime }
  }

  /** The next chunk of entries, in the same segment or at the beginning of the next. */
  #chunkBehind({ segment, file, end, next }: Chunk, offset: number): Chunk {
    let found: Chunk
    if (this.#bytes(file, end, 1).length === 1) found = this.#chunk(segment, end, offset)
    else found = this.#chunk(next, SEGMENT_HEADER, offset)
    return found.type === ChunkType.data ? found : this.#chunkBehind(found, offset)
  }

  #chunk(segment: number, at: number, offset: number): Chunk {
    const file = this.#open(segment)
    const header = decodeChunkHeader(this.#bytes(file, at, CHUNK_HEADER), 0)
    if (header === undefined) throw this.#misfit({ segment }, at, `the chunk with offset ${offset} is not there`)
    const { type, base, entries, appendTime, length } = header
    const start = at + CHUNK_HEADER
    return { segment, file, type, base, next: base + entries, appendTime, at: start, end: start + length }
  }

  #misfit({ segment }: Pick<Chunk, 'segment'>, at: number, why: string): Error {
    return indexFailed(`${segmentName(segment)} at byte ${at}: ${why}`)
  }

  /** A view that the next call may overwrite; shorter only at the end of the file. */
  #bytes(file: number, at: number, length: number): Buffer {
    const isThere =
      file === this.#windowFile && at >= this.#windowAt && at + length <= this.#windowAt + this.#windowLength
    if (!isThere) {
      this.#windowFile = file
      this.#windowAt = at
      this.#windowLength = readSync(file, this.#window, 0, WINDOW, at)
    }
    const from = at - this.#windowAt
    return this.#window.subarray(from, Math.min(from + length, this.#windowLength))
  }

  #open(segment: number): number {
    const known = this.#files.get(segment)
    if (known !== undefined) return known
    const oldest = this.#files.keys().next()
    if (this.#files.size >= OPEN_FILES && oldest.done !== true) {
      closeSync(this.#files.get(oldest.value)!)
      this.#files.delete(oldest.value)
    }
    const file = openSync(join(this.#folder, segmentName(segment)), 'r')
    this.#files.set(segment, file)
    return file
  }
}

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

function readInto(file: number, into: Uint8Array, at: number): void {
  for (let done = 0; done < into.length; ) {
    const read = readSync(file, into, done, Math.min(into.length - done, LARGEST_READ), at + done)
    if (read === 0) return
    done += read
  }
}
