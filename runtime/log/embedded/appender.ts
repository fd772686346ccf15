import { Bell } from '../../abort.ts'
import type { Batch, Cursor, Position, Table } from '../../contract.ts'
import { crashPoint } from '../../crash.ts'
import { errorCode, TailraceError } from '../../errors.ts'
import { collectAfter, giveBack } from '../../large-memory.ts'
import { wholeSlice } from '../../record/slice.ts'
import { stampAppendTime } from '../../record/stamp.ts'
import type { AppendLimits } from './append-limits.ts'
import { type Checkpoint, checkpointOf } from './checkpoint.ts'
import { CheckpointWriter } from './checkpoint-writer.ts'
import { CHUNK_HEADER, ChunkType } from './chunk.ts'
import { cutTail } from './cut.ts'
import { logFull } from './failures.ts'
import type { Head } from './head.ts'
import type { OpenUnit as WrittenUnit } from './key-index/messages.ts'
import type { LogPlace } from './log-place.ts'
import type { MarkFile } from './mark.ts'
import type { LogChunk } from './ring.ts'
import { SEGMENT_HEADER, type SegmentInfo } from './segment.ts'
import { beginSegment, SegmentWriter } from './segment-writer.ts'

/** The unit being written. */
interface OpenUnit {
  readonly base: number
  /** Counted from 1. */
  readonly number: number
  readonly tables: Table[]
  /** Segments that it has left behind. */
  readonly finished: SegmentInfo[]
  /** Undefined once they are too many: readers get them from the segments. */
  chunks: LogChunk[] | undefined
  chunkBytes: number
}

/** Writes units to the end of the log. The only writer; one append at a time. */
export class Appender {
  readonly #place: LogPlace
  readonly #session: string
  readonly #head: Head
  readonly #mark: MarkFile
  readonly #limits: AppendLimits
  #segment: SegmentWriter | undefined
  #unit: OpenUnit | undefined
  #units = 0
  readonly #checkpoints: CheckpointWriter
  /** Something that was under way has ended. */
  readonly #idle = new Bell()
  #next: number
  #broken = false
  #appending = false
  #sealing: Promise<void> | undefined
  /** No unit is begun before. */
  #held: Promise<void> | undefined
  /** An append waits for room. */
  full = false

  /** `sinceCheckpoint`: bytes that the next opening would have to scan as it is. */
  constructor(
    place: LogPlace,
    session: string,
    head: Head,
    mark: MarkFile,
    limits: AppendLimits,
    sinceCheckpoint: number,
  ) {
    this.#place = place
    this.#session = session
    this.#head = head
    this.#mark = mark
    this.#limits = limits
    this.#next = head.end + 1
    this.#checkpoints = new CheckpointWriter(place, head, limits.checkpointBytes, sinceCheckpoint)
  }

  /** What the files hold of the unit being written. */
  get written(): (WrittenUnit & { readonly tables: readonly Table[] }) | undefined {
    if (this.#unit === undefined || this.#segment === undefined) return undefined
    const { number, base, tables } = this.#unit
    return { number, base, tables, from: this.#head.place, written: this.#segment.place }
  }

  /** See `SourceLog.append`. After LOG_FSYNC the whole log is unusable: the process must end. */
  async append(batch: Batch, signal: AbortSignal): Promise<{ cursor: Cursor; position?: Position } | undefined> {
    while (this.#sealing !== undefined || (this.#held !== undefined && this.#unit === undefined))
      await (this.#sealing ?? this.#held)
    this.#head.check()
    if (this.#broken)
      throw new TailraceError('LOG_UNIT_TORN', 'retry', 'An earlier append failed: the unit cannot go on.', {
        hint: 'The source resumes behind the last whole unit by itself.',
      })
    return this.#guard(async () => {
      signal.throwIfAborted()
      if (this.#unit === undefined && this.#checkpoints.isDue) await this.#checkpoints.write()
      const { length } = batch.bytes
      await this.#waitForRoom(length, signal)
      await this.#write(batch)
      const appended = batch.end === undefined ? undefined : await this.#endUnit(batch.end)
      if (length > this.#limits.ringBytes) collectAfter(length)
      return appended
    })
  }

  /**
   * Ends the newest segment: what is appended from then on goes into another. Answers false, and does nothing, while a
   * unit is under way.
   */
  async seal(): Promise<boolean> {
    if (this.#isBusy) return false
    await this.#sealNow()
    return true
  }

  /**
   * The same as soon as no unit is under way, and none is begun before. Its checkpoint is on the disk, and how the log
   * stands there is answered. Throws LOG_FULL, LOG_DISK_FULL.
   */
  async sealed(signal: AbortSignal): Promise<Checkpoint> {
    const held = Promise.withResolvers<void>()
    this.#held = held.promise
    try {
      for (; this.#isBusy; await this.#idle.wait(signal)) {
        this.#head.check()
        if (this.full) throw logFull(this.#place.folder)
      }
      const failure = await this.#sealNow()
      if (failure !== undefined) throw failure
      return checkpointOf(this.#place.logId, this.#head)
    } finally {
      this.#held = undefined
      held.resolve()
    }
  }

  /** Drops a unit that was begun and not ended, durably; appends may go on. */
  async rollBack(): Promise<void> {
    while (this.#sealing !== undefined) await this.#sealing
    this.#head.check()
    if (this.#unit === undefined && !this.#broken) return
    await this.#guard(async () => {
      const segment = this.#segment
      this.#segment = undefined
      this.#unit = undefined
      await segment?.close()
      await cutTail(this.#place.fs, this.#place.folder, this.#head)
    })
    this.#next = this.#head.end + 1
    this.#broken = false
    this.#idle.ring()
  }

  /** A unit that was not ended is left behind for the next opening to cut. */
  async close(): Promise<void> {
    await this.#segment?.close()
    this.#segment = undefined
    if (!this.#broken && this.#checkpoints.since > 0) await this.#checkpoints.write()
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    this.#appending = true
    try {
      return await work()
    } catch (error) {
      this.#broken = true
      if (errorCode(error) === 'LOG_FSYNC') this.#head.fail(error)
      throw error
    } finally {
      this.#appending = false
      this.#idle.ring()
    }
  }

  get #isBusy(): boolean {
    return this.#sealing !== undefined || this.#appending || this.#unit !== undefined || this.#broken
  }

  /** Answers why there is no checkpoint. A segment that holds nothing stays the newest. */
  async #sealNow(): Promise<unknown> {
    const isEmpty = (this.#head.segments.at(-1)?.first ?? 0) > this.#head.end
    const sealing = Promise.withResolvers<void>()
    this.#sealing = sealing.promise
    try {
      return await this.#guard(() => (isEmpty ? this.#checkpoints.write() : this.#seal()))
    } finally {
      this.#sealing = undefined
      sealing.resolve()
    }
  }

  async #seal(): Promise<unknown> {
    const old = this.#segment
    this.#segment = undefined
    await old?.close()
    this.#segment = await beginSegment(this.#place, this.#head)
    return this.#checkpoints.write()
  }

  async #write(batch: Batch): Promise<void> {
    const { entries, count: changes, bytes } = batch
    const appendTime = BigInt(Date.now()) * 1000n
    stampAppendTime(batch, appendTime)
    const segment = await this.#segmentFor(bytes.length)
    this.#unit ??= { base: this.#next, number: ++this.#units, tables: [], finished: [], chunks: [], chunkBytes: 0 }
    const unit = this.#unit
    const common = { base: this.#next, unitBase: unit.base, session: this.#session, appendTime }
    const tables = segment.undeclared(batch, this.#head.state.tables)
    if (tables.length > 0) {
      const definitions = Buffer.from(JSON.stringify(tables))
      segment.put({ ...common, type: ChunkType.tables, entries: 0, changes: 0, endSize: 0 }, definitions)
    }
    const endSize = batch.end === undefined ? 0 : bytes.length - batch.endAt
    segment.put({ ...common, type: ChunkType.data, entries, changes, endSize }, bytes)
    await segment.flush()
    for (const table of tables) segment.declared.add(table.id)
    unit.tables.push(...tables)
    this.#next += entries
    const slice = wholeSlice(bytes, common.base, appendTime)
    this.#keep(unit, { slice, last: this.#next - 1, changes, endsUnit: endSize > 0, tables: batch.tables })
  }

  /** Nobody has seen a chunk before its unit ends: the memory of those that are not kept is given back. */
  #keep(unit: OpenUnit, chunk: LogChunk): void {
    unit.chunkBytes += chunk.slice.bytes.length
    unit.chunks?.push(chunk)
    if (unit.chunkBytes <= this.#limits.ringBytes) return
    for (const { slice } of unit.chunks ?? [chunk]) giveBack(slice.bytes)
    unit.chunks = undefined
  }

  async #endUnit(end: NonNullable<Batch['end']>): Promise<{ cursor: Cursor; position?: Position }> {
    const { finished, tables, chunks } = this.#unit!
    const segment = this.#segment!
    crashPoint('log.written')
    await segment.sync()
    crashPoint('log.synced')
    const { place } = segment
    const before = this.#head.bytes
    const last = this.#next - 1
    this.#head.advance({ end, last, tables, place, segments: [...finished, segment.info], chunks: chunks ?? [] })
    this.#checkpoints.since += this.#head.bytes - before
    this.#unit = undefined
    this.#mark.publish({ ...place, logId: this.#place.logId, session: this.#session, end: last })
    const cursor = this.#head.cursors.at(last)
    return end.lane === 'stream' ? { cursor, position: end.position } : { cursor }
  }

  async #waitForRoom(size: number, signal: AbortSignal): Promise<void> {
    const needed = size + 2 * CHUNK_HEADER + SEGMENT_HEADER
    try {
      while (this.#bytes() + needed > this.#limits.maxBytes) {
        this.full = true
        this.#idle.ring()
        await this.#head.bell.wait(signal)
      }
    } finally {
      this.full = false
    }
  }

  /** Bytes of the log with the unit being written. */
  #bytes(): number {
    if (this.#segment === undefined || this.#unit === undefined) return this.#head.bytes
    return this.#head.bytesWith([...this.#unit.finished, this.#segment.info])
  }

  async #segmentFor(size: number): Promise<SegmentWriter> {
    const { fs, folder } = this.#place
    const { place, segments } = this.#head
    if (this.#segment === undefined && place !== undefined)
      this.#segment = await SegmentWriter.reopen(fs, folder, place, segments.at(-1)!.records)
    const segment = this.#segment
    if (segment !== undefined) {
      const fits = segment.info.bytes + CHUNK_HEADER + size <= this.#limits.segmentBytes
      if (fits || segment.isEmpty) return segment
      this.#segment = undefined
      await this.#finish(segment)
    }
    this.#segment = await SegmentWriter.create(this.#place, this.#next)
    crashPoint('log.rolled')
    return this.#segment
  }

  /** What a unit has written to a segment is durable before the unit goes on in the next. */
  async #finish(segment: SegmentWriter): Promise<void> {
    try {
      if (this.#unit === undefined) return
      await segment.sync()
      this.#unit.finished.push(segment.info)
    } finally {
      await segment.close()
    }
  }
}
