import type { Cursor, LogBatch, LogSlice, ReadOptions, TableFilter } from '../../contract.ts'
import { collect, collectAfter } from '../../large-memory.ts'
import { logBatch } from '../../record/batch.ts'
import { Gather } from '../../record/gather.ts'
import { sliceAfter } from '../../record/slice.ts'
import { expired } from './failures.ts'
import type { Head } from './head.ts'
import { horizonSince, removalNumber } from './removals.ts'
import type { LogChunk } from './ring.ts'
import type { SegmentReader } from './segment-reader.ts'

/** A moved cursor is handed on without changes: at the head at most this often, behind it at least that often. */
const IDLE_MS = 10
const BEHIND_MS = 1000
/** Read from the segments, and perhaps still waiting for the collector. */
const UNCOLLECTED_BYTES = 32 * 1024 * 1024
/** Memory that the slices of one batch may keep alive, whatever part of it is wanted. */
const HELD_BYTES = 16 * 1024 * 1024

/** Offset behind which to read, and the number of the last removal by which that misses nothing. */
export interface ReadFrom {
  readonly after: number
  readonly begun: number
}

/**
 * Follows the durable log behind `after`: from memory at the head, from the segments behind it, at the reader's own
 * pace. A reader that falls behind costs the writer nothing. Closes `segments`.
 */
export async function* follow(
  head: Head,
  segments: SegmentReader,
  { after, begun }: ReadFrom,
  filter: TableFilter,
  signal: AbortSignal,
  options: ReadOptions,
): AsyncGenerator<LogBatch> {
  await using stored = segments
  const reader = new Reader(head, stored, { after, begun }, filter, options)
  using _ = reader
  for (;;) {
    signal.throwIfAborted()
    head.check()
    const batch = await reader.gather(signal)
    if (batch === undefined) await reader.wait(signal)
    else yield batch
  }
}

class Reader implements Disposable {
  readonly #head: Head
  readonly #segments: SegmentReader
  readonly #wanted = new Map<number, boolean>()
  readonly #filter: TableFilter
  readonly #options: ReadOptions
  /** Offset of the last entry looked at. */
  #passed: number
  /** Offset of the last cursor handed out, and when. */
  #handed: number
  #handedAt = Number.NEGATIVE_INFINITY
  /** Entries behind `#passed` in the chunk that was cut. */
  #rest: LogSlice | undefined
  #restOf: LogChunk | undefined
  #endsTransaction = true
  /** Compacted chunks were passed since the last batch. */
  #gap = false
  /** It misses nothing by removals up to this one: they had been when it began at the start of the log. */
  #begun: number
  /** Bytes of the largest piece of memory behind the last batch. */
  #largest = 0
  /** Bytes read from the segments since the collector was called. */
  #uncollected = 0

  constructor(
    head: Head,
    segments: SegmentReader,
    { after, begun }: ReadFrom,
    filter: TableFilter,
    options: ReadOptions,
  ) {
    this.#head = head
    this.#segments = segments
    this.#options = options
    this.#passed = after
    this.#handed = after
    this.#begun = begun
    this.#filter = table => {
      let wanted = this.#wanted.get(table.id)
      if (wanted === undefined) {
        wanted = filter(table)
        this.#wanted.set(table.id, wanted)
      }
      return wanted
    }
  }

  /** The next batch; undefined if nothing is to be handed out yet. */
  async gather(signal: AbortSignal): Promise<LogBatch | undefined> {
    // Whoever took the batch before has done with it.
    if (this.#uncollected >= UNCOLLECTED_BYTES) {
      this.#uncollected = 0
      collect()
    } else collectAfter(this.#largest)
    this.#largest = 0
    const began = performance.now()
    let gather = this.#newGather()
    let held = 0
    let buffer: ArrayBufferLike | undefined
    while (this.#passed < this.#head.end && held < HELD_BYTES && !signal.aborted) {
      if (this.#passed > this.#handed && performance.now() - began >= BEHIND_MS) break
      const chunk = this.#restOf ?? (await this.#next())
      this.#gap ||= chunk.isCompacted === true
      const slice = this.#isWanted(chunk) ? (this.#rest ?? sliceAfter(chunk.slice, this.#passed)) : undefined
      if (slice === undefined) {
        this.#pass(chunk)
        continue
      }
      this.#rest = gather.add(slice)
      if (this.#rest !== undefined) {
        this.#restOf = chunk
        this.#largest = Math.max(this.#largest, slice.bytes.length)
        this.#passed = Math.max(this.#passed, gather.lastOffset)
        this.#endsTransaction = gather.endsTransaction
        break
      }
      this.#pass(chunk)
      if (gather.count === 0) gather = this.#newGather()
      else if (buffer !== slice.bytes.buffer) {
        buffer = slice.bytes.buffer
        held += buffer.byteLength
        this.#largest = Math.max(this.#largest, buffer.byteLength)
      }
    }
    if (gather.count > 0) return this.#hand(gather.slices, gather.count)
    const pause = this.#passed < this.#head.end ? BEHIND_MS : IDLE_MS
    return this.#passed > this.#handed && this.#idle() >= pause ? this.#hand([], 0) : undefined
  }

  /** Until there is more, or a moved cursor is due. */
  async wait(signal: AbortSignal): Promise<void> {
    if (this.#passed < this.#head.end) return
    const pause = Math.max(1, Math.ceil(IDLE_MS - this.#idle()))
    const timer = this.#passed > this.#handed ? setTimeout(() => this.#head.bell.ring(), pause) : undefined
    try {
      await this.#head.bell.wait(signal)
    } finally {
      clearTimeout(timer)
    }
  }

  async #next(): Promise<LogChunk> {
    const { ring, near } = this.#head
    for (;;) {
      if (this.#passed === 0) {
        await this.#head.refresh()
        this.#begun = removalNumber(this.#head.removals)
      }
      this.#checkHorizon()
      const next = this.#passed + 1
      const recent = ring.lend(next)
      near.set(this, recent === undefined)
      if (recent !== undefined) {
        await this.#segments.close()
        return recent
      }
      const shared = near.find(next)
      if (shared !== undefined) return shared
      const chunk = await this.#segments.chunk(next)
      // It may be one that was put in place since.
      if (this.#passed === 0 && this.#begun < removalNumber(this.#head.removals)) continue
      this.#checkHorizon()
      this.#uncollected += chunk.slice.bytes.length
      // What a compaction has replaced meanwhile is this reader's alone.
      if (!this.#segments.isStale) near.keep(chunk)
      return chunk
    }
  }

  [Symbol.dispose](): void {
    this.#head.near.set(this, false)
  }

  /** What was read before a delete, and is removed with it, would stay with the reader for ever. */
  #checkHorizon(): void {
    if (this.#passed < horizonSince(this.#head.removals, this.#begun)) throw expired()
  }

  #newGather(): Gather {
    return new Gather(this.#head.state.tables, this.#filter, this.#options)
  }

  #isWanted({ changes, tables }: LogChunk): boolean {
    if (changes === 0) return false
    if (tables === undefined) return true
    for (const id of tables) if (this.#filter(this.#head.state.tables.get(id)!)) return true
    return false
  }

  #pass({ last, endsUnit }: LogChunk): void {
    this.#passed = last
    this.#rest = undefined
    this.#restOf = undefined
    this.#endsTransaction = endsUnit
  }

  #idle(): number {
    return performance.now() - this.#handedAt
  }

  #hand(slices: readonly LogSlice[], count: number): LogBatch {
    this.#handed = this.#passed
    this.#handedAt = performance.now()
    const { cursors, state, removals } = this.#head
    const horizon = horizonSince(removals, 0)
    // Behind all that was removed it does not matter when it began, and the end of the log has one name.
    const cursorAt = (offset: number): Cursor => cursors.at(offset, offset < horizon ? this.#begun : 0)
    const gap = this.#gap
    this.#gap = false
    return logBatch({
      slices,
      count,
      cursor: cursorAt(this.#passed),
      endsTransaction: this.#endsTransaction,
      gap,
      tables: state.tables,
      filter: this.#filter,
      cursorAt,
    })
  }
}
