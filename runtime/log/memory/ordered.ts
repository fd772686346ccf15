import { randomBytes } from 'node:crypto'
import { Bell } from '../../abort.ts'
import type {
  Batch,
  Cursor,
  LogBatch,
  LoggedChange,
  LogLag,
  LogSlice,
  LogStats,
  Position,
  ReadOptions,
  Resume,
  SourceLog,
  Table,
  TableFilter,
} from '../../contract.ts'
import { TailraceError } from '../../errors.ts'
import { logBatch } from '../../record/batch.ts'
import { Gather } from '../../record/gather.ts'
import { sliceAfter, wholeSlice } from '../../record/slice.ts'
import { stampAppendTime } from '../../record/stamp.ts'
import { ResumeState } from '../common/resume-state.ts'
import { newestIn } from './newest.ts'
import { memoryReaders } from './readers.ts'

/** All of it in memory, in the source's order: for tests and demonstrations. `durable` means appended. */
export class OrderedMemoryLog implements SourceLog {
  readonly id = randomBytes(8).toString('hex')
  readonly readers = memoryReaders()
  readonly #session = randomBytes(4).toString('hex')
  readonly #state = new ResumeState()
  readonly #slices: LogSlice[] = []
  #pending: LogSlice[] = []
  readonly #ends: { offset: number; position: Position }[] = []
  /** Index of the first of them in the present lineage. */
  #lineageEnd = 0
  readonly #bell = new Bell()
  #next = 1
  #last = 0
  #bytes = 0
  #records = 0
  #pendingRecords = 0

  async append(batch: Batch): Promise<{ cursor: Cursor; position?: Position } | undefined> {
    const now = BigInt(Date.now()) * 1000n
    stampAppendTime(batch, now)
    this.#state.know(batch)
    this.#pending.push(wholeSlice(batch.bytes, this.#next, now))
    this.#next += batch.entries
    this.#pendingRecords += batch.count
    if (batch.end === undefined) return undefined
    for (const slice of this.#pending) {
      this.#slices.push(slice)
      this.#bytes += slice.bytes.length
    }
    this.#records += this.#pendingRecords
    this.#pendingRecords = 0
    this.#pending = []
    if (this.#state.end(batch.end, BigInt(this.#last))) this.#lineageEnd = this.#ends.length
    this.#last = this.#next - 1
    const cursor = this.#cursor(this.#last)
    if (batch.end.lane === 'stream') this.#ends.push({ offset: this.#last, position: batch.end.position })
    this.#bell.ring()
    return batch.end.lane === 'stream' ? { cursor, position: batch.end.position } : { cursor }
  }

  async resume(): Promise<Resume | undefined> {
    this.#pending = []
    this.#pendingRecords = 0
    this.#next = this.#last + 1
    return this.#state.resume()
  }

  async *read(
    after: Cursor | 'start',
    filter: TableFilter,
    signal: AbortSignal,
    options: ReadOptions = {},
  ): AsyncGenerator<LogBatch> {
    let offset = this.#offset(after)
    for (;;) {
      signal.throwIfAborted()
      const ring = this.#bell.wait(signal)
      ring.catch(() => {})
      if (offset < this.#last) {
        const batch = this.#batch(offset, filter, options)
        offset = batch.lastOffset
        yield batch.batch
      } else await ring
    }
  }

  #batch(after: number, filter: TableFilter, options: ReadOptions): { batch: LogBatch; lastOffset: number } {
    const gather = new Gather(this.#state.tables, filter, options)
    for (let i = this.#find(after); i < this.#slices.length; i++) {
      const slice = sliceAfter(this.#slices[i]!, after)
      if (slice !== undefined && gather.add(slice) !== undefined) break
    }
    const { slices, count, lastOffset, endsTransaction } = gather
    const batch = logBatch({
      slices,
      count,
      endsTransaction,
      cursor: this.#cursor(lastOffset),
      gap: false,
      tables: this.#state.tables,
      filter,
      cursorAt: offset => this.#cursor(offset),
    })
    return { batch, lastOffset }
  }

  /** The last slice that begins at or before the entry behind `after`. */
  #find(after: number): number {
    let low = 0
    let high = this.#slices.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.#slices[middle]!.base <= after + 1) low = middle
      else high = middle - 1
    }
    return low
  }

  async reached(
    position: Position,
    covers: (a: Position, b: Position) => boolean,
    signal: AbortSignal,
  ): Promise<Cursor> {
    for (let i = Math.max(0, this.#ends.length - 1); ; ) {
      const ring = this.#bell.wait(signal)
      ring.catch(() => {})
      for (i = Math.max(i, this.#lineageEnd); i < this.#ends.length; i++)
        if (covers(this.#ends[i]!.position, position)) return this.#cursor(this.#ends[i]!.offset)
      await ring
    }
  }

  end(): Cursor | undefined {
    return this.#last === 0 ? undefined : this.#cursor(this.#last)
  }

  compare(a: Cursor, b: Cursor): 'before' | 'equal' | 'after' | 'foreign' {
    const [x, y] = [this.#parse(a), this.#parse(b)]
    if (x === undefined || y === undefined) return 'foreign'
    return x < y ? 'before' : x > y ? 'after' : 'equal'
  }

  async lag(after: Cursor | 'start', filter: TableFilter): Promise<LogLag> {
    const offset = this.#offset(after)
    if (offset >= this.#last) return { records: 0, bytes: 0 }
    let records = 0
    let bytes = 0
    let oldestCommitTime: bigint | undefined
    for (let from = offset; from < this.#last; ) {
      const { batch, lastOffset } = this.#batch(from, filter, {})
      for (const change of batch) {
        oldestCommitTime ??= change.commitTime
        break
      }
      records += batch.count
      for (const slice of batch.slices) bytes += slice.to - slice.from
      from = lastOffset
    }
    return oldestCommitTime === undefined ? { records, bytes } : { records, bytes, oldestCommitTime }
  }

  async stats(): Promise<LogStats> {
    const start = this.#last === 0 ? undefined : this.#cursor(1)
    const end = this.end()
    const { bytes, records } = { bytes: this.#bytes, records: this.#records }
    return { start, end, bytes, records, diskFreeBytes: null, full: false, index: undefined }
  }

  /** Looks through all there is, from the newest on: a log for tests. */
  async newest(table: Table, key: Uint8Array, within = 'durable'): Promise<LoggedChange | undefined> {
    const slices = within === 'appended' ? [...this.#slices, ...this.#pending] : this.#slices
    return newestIn(slices, this.#state.tables, table, key, offset => this.#cursor(offset))
  }

  async again(table: Table, key: Uint8Array): Promise<LogBatch | undefined> {
    const newest = await this.newest(table, key)
    const cursorAt = (offset: number): Cursor => this.#cursor(offset)
    const parts = { slices: this.#slices, cursor: this.end()!, endsTransaction: true, gap: true, cursorAt }
    const filter = ({ name }: Table): boolean => name === table.name
    for (const batch of logBatch({ ...parts, tables: this.#state.tables, filter }).split(1))
      for (const { version } of batch) if (version === newest?.version) return batch
    return undefined
  }

  tables(): ReadonlyMap<number, Table> {
    return this.#state.tables
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#slices.length = 0
  }

  #cursor(offset: number): Cursor {
    return `${this.id}.${this.#session}:${offset}` as Cursor
  }

  #parse(cursor: Cursor): number | undefined {
    const prefix = `${this.id}.${this.#session}:`
    if (!cursor.startsWith(prefix)) return undefined
    const offset = Number(cursor.slice(prefix.length))
    return offset >= 1 && offset <= this.#last ? offset : undefined
  }

  #offset(cursor: Cursor | 'start'): number {
    if (cursor === 'start') return 0
    const offset = this.#parse(cursor)
    if (offset === undefined)
      throw new TailraceError('CURSOR_FOREIGN', 'stop', 'The cursor does not belong to this log.', {
        hint: 'Start again with the current rows.',
      })
    return offset
  }
}
