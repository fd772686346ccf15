import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { readU32LE } from '../../../record/cells.ts'
import { At, EntryKind, HEADER, LONG } from '../../../record/layout.ts'
import { CHUNK_HEADER, ChunkType, decodeChunkHeader } from '../chunk.ts'
import { damaged } from '../failures.ts'
import { segmentName } from '../segment.ts'
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

  /** The record at this offset, whose block `store` must know. Throws LOG_DAMAGED. */
  read(store: Store, offset: number): LogRecord {
    const block = store.get(blockKey(offset))
    if (block === undefined) throw damaged(this.#folder, 0, `offset ${offset} is in no block of the index`)
    const { segment, chunkAt, entryAt, headerAt } = decodeBlock(block)
    const file = this.#open(segment)
    // Another call may have found other bytes here: a unit that was dropped is written over.
    this.#windowFile = -1
    const fail = (at: number, why: string) => damaged(join(this.#folder, segmentName(segment)), at, why)
    let chunk = this.#chunk(file, chunkAt)
    let transactionAt = headerAt
    for (let at = entryAt; ; ) {
      if (chunk === undefined) throw fail(at, `the chunk with offset ${offset} is not there`)
      if (chunk.type !== ChunkType.data || at >= chunk.end) {
        at = chunk.end + CHUNK_HEADER
        transactionAt = 0
        chunk = this.#chunk(file, chunk.end)
        continue
      }
      const header = this.#bytes(file, at, HEADER + 8)
      if (header.length < HEADER) throw fail(at, 'the file ends inside an entry')
      const short = readU32LE(header, At.length)
      const length = short === LONG ? Number(header.readBigUInt64LE(HEADER)) : short
      if (length < HEADER || at + length > chunk.end) throw fail(at, 'an entry is cut')
      const found = chunk.base + readU32LE(header, At.delta)
      if (found > offset) throw fail(at, `offset ${offset} is missing`)
      if (found === offset) return this.#record(file, chunk, transactionAt, at, length)
      if (header[At.kind] === EntryKind.transaction) transactionAt = at
      at += length
    }
  }

  [Symbol.dispose](): void {
    for (const file of this.#files.values()) closeSync(file)
    this.#files.clear()
  }

  #record(file: number, chunk: Chunk, headerAt: number, at: number, length: number): LogRecord {
    const headerLength = headerAt === 0 ? 0 : readU32LE(this.#bytes(file, headerAt, HEADER), At.length)
    const bytes = new Uint8Array(headerLength + length)
    if (headerLength > 0) readInto(file, bytes.subarray(0, headerLength), headerAt)
    readInto(file, bytes.subarray(headerLength), at)
    return { bytes, at: headerLength, base: chunk.base, appendTime: chunk.appendTime }
  }

  #chunk(file: number, at: number): Chunk | undefined {
    const header = decodeChunkHeader(this.#bytes(file, at, CHUNK_HEADER), 0)
    if (header === undefined) return undefined
    const { type, base, appendTime, length } = header
    return { type, base, appendTime, end: at + CHUNK_HEADER + length }
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
  readonly type: number
  readonly base: number
  readonly appendTime: bigint
  readonly end: number
}

function readInto(file: number, into: Uint8Array, at: number): void {
  for (let done = 0; done < into.length; ) {
    const read = readSync(file, into, done, Math.min(into.length - done, LARGEST_READ), at + done)
    if (read === 0) return
    done += read
  }
}
