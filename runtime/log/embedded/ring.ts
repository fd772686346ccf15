import type { LogSlice } from '../../contract.ts'
import { giveBack } from '../../large-memory.ts'

/** One data chunk as readers take it. */
export interface LogChunk {
  /** All its entries. */
  readonly slice: LogSlice
  /** Offset of its last entry. */
  readonly last: number
  /** Changes among its entries. */
  readonly changes: number
  readonly endsUnit: boolean
  /** History was removed from it. */
  readonly isCompacted?: boolean
  /** Tables that occur, where they are known. */
  readonly tables: ReadonlySet<number> | undefined
}

/** What a chunk costs beyond its bytes. */
const OVERHEAD = 256

/**
 * The newest chunks, whole and without gaps, for readers at the head: bounded in bytes, shared by reference. Memory that
 * nobody was lent is given back at once, the other left to the collector.
 */
export class Ring {
  readonly #limit: number
  #chunks: LogChunk[] = []
  /** Chunks before this one were let go. */
  #first = 0
  #bytes = 0
  readonly #lent = new WeakSet<LogChunk>()

  constructor(limit: number) {
    this.#limit = limit
  }

  push(chunk: LogChunk): void {
    const newest = this.#chunks.at(-1)
    if (newest !== undefined && newest.last + 1 !== chunk.slice.base) this.clear()
    this.#chunks.push(chunk)
    this.#bytes += weight(chunk)
    while (this.#bytes > this.#limit && this.#first < this.#chunks.length) {
      const oldest = this.#chunks[this.#first++]!
      this.#bytes -= weight(oldest)
      if (!this.#lent.has(oldest)) giveBack(oldest.slice.bytes)
    }
    if (2 * this.#first > this.#chunks.length) {
      this.#chunks = this.#chunks.slice(this.#first)
      this.#first = 0
    }
  }

  clear(): void {
    this.#chunks = []
    this.#first = 0
    this.#bytes = 0
  }

  /** As `find`, for whom it is to stay valid. */
  lend(offset: number): LogChunk | undefined {
    const chunk = this.find(offset)
    if (chunk !== undefined) this.#lent.add(chunk)
    return chunk
  }

  /** The chunk that holds this offset, valid until the next `push`; undefined if it has left, or is not there yet. */
  find(offset: number): LogChunk | undefined {
    let low = this.#first
    let high = this.#chunks.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      const chunk = this.#chunks[middle]!
      if (offset < chunk.slice.base) high = middle - 1
      else if (offset > chunk.last) low = middle + 1
      else return chunk
    }
    return undefined
  }

  /** All chunks, oldest first. */
  *[Symbol.iterator](): Generator<LogChunk> {
    for (let i = this.#first; i < this.#chunks.length; i++) yield this.#chunks[i]!
  }
}

function weight(chunk: LogChunk): number {
  return chunk.slice.bytes.buffer.byteLength + OVERHEAD
}
