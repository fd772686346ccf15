import type {
  Batch,
  Cursor,
  LogBatch,
  LoggedChange,
  LogLag,
  LogStats,
  Position,
  ReadOptions,
  Resume,
  Source,
  SourceLog,
  Table,
  TableFilter,
} from '../../contract.ts'
import { TailraceError } from '../../errors.ts'
import type { Appender } from './appender.ts'
import { offsetBefore } from './before.ts'
import type { Compactor } from './compaction/compactor.ts'
import { expired } from './failures.ts'
import type { Head } from './head.ts'
import type { KeyIndex } from './key-index/key-index.ts'
import { type LoadLookUps, lookUps } from './key-index/look-ups.ts'
import { lagBehind } from './lag.ts'
import type { LogPlace } from './log-place.ts'
import { follow } from './reader.ts'
import { recordBatch, recordView } from './record-view.ts'
import { horizonSince, removalNumber } from './removals.ts'
import { SegmentReader } from './segment-reader.ts'

/** The log of one source in a folder. Without an appender it only reads. */
export class EmbeddedLog implements SourceLog {
  readonly id: string
  readonly readers: SourceLog['readers']
  readonly #place: LogPlace
  readonly #head: Head
  readonly #appender: Appender | undefined
  readonly #index: KeyIndex | undefined
  readonly newest?: NonNullable<SourceLog['newest']>
  readonly again?: NonNullable<SourceLog['again']>
  readonly states?: LoadLookUps['states']
  readonly incompleteKeys?: LoadLookUps['incompleteKeys']
  readonly passes?: LoadLookUps['passes']
  readonly compact?: NonNullable<SourceLog['compact']>
  readonly forget?: NonNullable<SourceLog['forget']>
  readonly #resources: AsyncDisposableStack

  /** `resources` is disposed with the log; `index` and `compactor` must be among them. */
  constructor(
    place: LogPlace,
    head: Head,
    readers: SourceLog['readers'],
    appender: Appender | undefined,
    resources: AsyncDisposableStack,
    index?: KeyIndex,
    compactor?: Compactor,
  ) {
    this.id = place.logId
    this.readers = readers
    this.#place = place
    this.#head = head
    this.#appender = appender
    this.#index = index
    if (index !== undefined) {
      this.newest = (table, key, within) => this.#newest(index, table, key, within)
      this.again = (table, key) => this.#again(index, table, key)
      Object.assign(this, lookUps(index, head))
    }
    if (compactor !== undefined) {
      this.compact = (signal, options) => compactor.compact(signal, options)
      this.forget = (rows, signal) => compactor.forget(rows, signal)
    }
    this.#resources = resources
  }

  async append(batch: Batch, signal: AbortSignal): Promise<{ cursor: Cursor; position?: Position } | undefined> {
    if (this.#appender === undefined) throw readOnly()
    await this.#index?.room(signal)
    const appended = await this.#appender.append(batch, signal)
    if (appended !== undefined) this.#index?.moved()
    return appended
  }

  async resume(): Promise<Resume | undefined> {
    await this.#appender?.rollBack()
    await this.#index?.restart()
    return this.#head.state.resume()
  }

  read(
    after: Cursor | 'start',
    tables: TableFilter,
    signal: AbortSignal,
    options: ReadOptions = {},
  ): AsyncGenerator<LogBatch> {
    const { cursors, end, removals } = this.#head
    const from = cursors.resolve(after, end)
    const isNew = options.isAdmitted === true || after === 'start'
    const begun = isNew ? removalNumber(removals) : cursors.begunAt(after)
    if (from > 0 && from < horizonSince(removals, begun)) throw expired()
    return follow(this.#head, this.#segments(), { after: from, begun }, tables, signal, options)
  }

  async reached(position: Position, covers: Source['covers'], signal: AbortSignal): Promise<Cursor> {
    const { streamEnds, bell, cursors } = this.#head
    let from = streamEnds.at(-1)?.offset ?? 0
    for (;;) {
      this.#head.check()
      for (const end of streamEnds)
        if (end.offset >= from && covers(end.position, position)) return cursors.at(end.offset)
      from = (streamEnds.at(-1)?.offset ?? 0) + 1
      await bell.wait(signal)
    }
  }

  end(): Cursor | undefined {
    return this.#head.end === 0 ? undefined : this.#head.cursors.at(this.#head.end)
  }

  compare(a: Cursor, b: Cursor): 'before' | 'equal' | 'after' | 'foreign' {
    return this.#head.cursors.compare(a, b, this.#head.end)
  }

  async before(time: bigint): Promise<Cursor | 'start'> {
    await using segments = this.#segments()
    const offset = await offsetBefore(this.#place, this.#head, segments, time)
    return offset === 0 ? 'start' : this.#head.cursors.at(offset)
  }

  async lag(after: Cursor | 'start', tables: TableFilter): Promise<LogLag> {
    await using segments = this.#segments()
    return await lagBehind(this.#head, segments, this.#head.cursors.resolve(after, this.#head.end), tables)
  }

  async stats(): Promise<LogStats> {
    const { bytes, records, segments, cursors } = this.#head
    const { free } = await this.#place.fs.space(this.#place.folder)
    const start = segments.length === 0 ? undefined : cursors.at(segments[0]!.first)
    return {
      start,
      end: this.end(),
      bytes,
      records,
      diskFreeBytes: free,
      full: this.#appender?.full ?? false,
      index: this.#indexStats(),
    }
  }

  #indexStats(): LogStats['index'] {
    if (this.#index === undefined) return undefined
    const { isBuilding, behindBytes, incomplete } = this.#index
    return { state: isBuilding ? 'building' : 'following', behindBytes, incomplete }
  }

  async #newest(
    index: KeyIndex,
    table: Table,
    key: Uint8Array,
    within: 'durable' | 'appended' = 'durable',
  ): Promise<LoggedChange | undefined> {
    this.#head.check()
    const open = within === 'appended' ? this.#appender?.written : undefined
    const record = await index.find(table, key, open)
    if (record === undefined) return undefined
    const { state, cursors } = this.#head
    const news = new Map(open?.tables.map(known => [known.id, known]))
    return recordView(
      record,
      id => state.tables.get(id) ?? news.get(id),
      offset => cursors.at(offset),
    )
  }

  async #again(index: KeyIndex, table: Table, key: Uint8Array): Promise<LogBatch | undefined> {
    this.#head.check()
    const record = await index.find(table, key, undefined)
    const end = this.end()
    if (record === undefined || end === undefined) return undefined
    return recordBatch(record, this.tables(), end, offset => this.#head.cursors.at(offset))
  }

  tables(): ReadonlyMap<number, Table> {
    return this.#head.state.tables
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new TailraceError('LOG_CLOSED', 'retry', 'The log is closed.')
    try {
      await this.#appender?.close()
    } finally {
      this.#head.fail(closed)
      await this.#resources.disposeAsync()
    }
  }

  #segments(): SegmentReader {
    return new SegmentReader(this.#place.fs, this.#place.folder, this.id, this.#head)
  }
}

export function readOnly(): TailraceError {
  return new TailraceError('LOG_READ_ONLY', 'stop', 'The log was opened for reading only.', {
    hint: 'A running `tailrace run` owns it.',
  })
}
