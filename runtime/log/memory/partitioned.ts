import { randomBytes } from 'node:crypto'
import { Bell } from '../../abort.ts'
import type {
  Batch,
  Cursor,
  LogBatch,
  LogLag,
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
import { sliceAfter } from '../../record/slice.ts'
import { ResumeState } from '../common/resume-state.ts'
import { deal, PARTITIONS, Partition } from './partition.ts'
import { memoryReaders } from './readers.ts'

interface Topic {
  readonly table: Table
  readonly partitions: readonly Partition[]
}

/** Offsets read by partition; a partition not named stands at its start. */
type Vector = Map<string, number>

/**
 * All of it in memory with what Kafka promises: order per key, three partitions a table, no transactions. Cursors are
 * vectors of partition offsets. Keeps the contract honest in tests.
 */
export class PartitionedMemoryLog implements SourceLog {
  readonly id = randomBytes(8).toString('hex')
  readonly readers = memoryReaders()
  readonly #state = new ResumeState()
  readonly #topics = new Map<string, Topic>()
  readonly #ends: { cursor: Cursor; position: Position }[] = []
  /** Index of the first of them in the present lineage. */
  #lineageEnd = 0
  readonly #bell = new Bell()
  #units = 0
  #records = 0
  #bytes = 0

  async append(batch: Batch): Promise<{ cursor: Cursor; position?: Position } | undefined> {
    this.#state.know(batch)
    deal(batch, table => this.#topic(table).partitions)
    this.#records += batch.count
    this.#bytes += batch.bytes.length
    if (batch.end === undefined) return undefined
    const now = BigInt(Date.now()) * 1000n
    // Versions compare within one partition only: no former one is above it.
    const before = BigInt(Math.max(0, ...this.#all().values()))
    for (const { partitions } of this.#topics.values()) for (const partition of partitions) partition.publish(now)
    this.#units++
    if (this.#state.end(batch.end, before)) this.#lineageEnd = this.#ends.length
    const cursor = this.#format(this.#all())
    if (batch.end.lane === 'stream') this.#ends.push({ cursor, position: batch.end.position })
    this.#bell.ring()
    return batch.end.lane === 'stream' ? { cursor, position: batch.end.position } : { cursor }
  }

  #topic(table: Table): Topic {
    let topic = this.#topics.get(table.name)
    if (topic === undefined) {
      topic = { table, partitions: Array.from({ length: PARTITIONS }, () => new Partition()) }
      this.#topics.set(table.name, topic)
    }
    return topic
  }

  async resume(): Promise<Resume | undefined> {
    for (const [, partition] of this.#partitions()) partition.discard()
    return this.#state.resume()
  }

  async *read(
    after: Cursor | 'start',
    filter: TableFilter,
    signal: AbortSignal,
    options: ReadOptions = {},
  ): AsyncGenerator<LogBatch> {
    const vector = this.#parse(after)
    let seen = -1
    for (;;) {
      signal.throwIfAborted()
      const ring = this.#bell.wait(signal)
      ring.catch(() => {})
      const units = this.#units
      let moved = false
      for (const [name, partition, table] of this.#partitions()) {
        const at = vector.get(name) ?? 0
        if (at >= partition.last) continue
        if (!filter(table)) {
          vector.set(name, partition.last)
          continue
        }
        moved = true
        yield this.#batch(name, partition, vector, filter, options)
      }
      if (moved) continue
      if (units !== seen) {
        seen = units
        yield this.#empty(vector, filter)
      }
      await ring
    }
  }

  #batch(name: string, partition: Partition, vector: Vector, filter: TableFilter, options: ReadOptions): LogBatch {
    const after = vector.get(name) ?? 0
    const gather = new Gather(this.#state.tables, filter, options)
    for (const whole of partition.slices) {
      const slice = sliceAfter(whole, after)
      if (slice !== undefined && gather.add(slice) !== undefined) break
    }
    const before = new Map(vector)
    vector.set(name, gather.lastOffset)
    return logBatch({
      slices: gather.slices,
      count: gather.count,
      endsTransaction: true,
      cursor: this.#format(vector),
      gap: false,
      tables: this.#state.tables,
      filter,
      cursorAt: offset => this.#format(new Map(before).set(name, offset)),
    })
  }

  #empty(vector: Vector, filter: TableFilter): LogBatch {
    const cursor = this.#format(vector)
    const tables = this.#state.tables
    return logBatch({
      slices: [],
      count: 0,
      endsTransaction: true,
      cursor,
      gap: false,
      tables,
      filter,
      cursorAt: () => cursor,
    })
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
        if (covers(this.#ends[i]!.position, position)) return this.#ends[i]!.cursor
      await ring
    }
  }

  end(): Cursor | undefined {
    return this.#units === 0 ? undefined : this.#format(this.#all())
  }

  compare(a: Cursor, b: Cursor): 'before' | 'equal' | 'after' | 'foreign' {
    if (!this.#owns(a) || !this.#owns(b)) return 'foreign'
    const [x, y] = [this.#parse(a), this.#parse(b)]
    let less = false
    let more = false
    for (const name of new Set([...x.keys(), ...y.keys()])) {
      const difference = (x.get(name) ?? 0) - (y.get(name) ?? 0)
      if (difference < 0) less = true
      if (difference > 0) more = true
    }
    return less ? 'before' : more ? 'after' : 'equal'
  }

  async lag(after: Cursor | 'start', filter: TableFilter): Promise<LogLag> {
    const vector = this.#parse(after)
    let records = 0
    for (const [name, partition, table] of this.#partitions())
      if (filter(table)) records += partition.last - (vector.get(name) ?? 0)
    return { records, bytes: null }
  }

  async stats(): Promise<LogStats> {
    const { end, ...rest } = { end: this.end(), bytes: this.#bytes, records: this.#records }
    return { start: end && this.#format(new Map()), end, ...rest, diskFreeBytes: null, full: false, index: undefined }
  }

  tables(): ReadonlyMap<number, Table> {
    return this.#state.tables
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#topics.clear()
  }

  *#partitions(): Generator<[string, Partition, Table]> {
    for (const [topic, { partitions, table }] of this.#topics)
      for (const [i, partition] of partitions.entries()) yield [`${topic}/${i}`, partition, table]
  }

  #all(): Vector {
    return new Map([...this.#partitions()].map(([name, partition]) => [name, partition.last]))
  }

  #format(vector: Vector): Cursor {
    return `${this.id}:${JSON.stringify([...vector].filter(([, offset]) => offset > 0).sort())}` as Cursor
  }

  #owns(cursor: Cursor): boolean {
    return cursor.startsWith(`${this.id}:`)
  }

  #parse(cursor: Cursor | 'start'): Vector {
    if (cursor === 'start') return new Map()
    if (!this.#owns(cursor))
      throw new TailraceError('CURSOR_FOREIGN', 'stop', 'The cursor does not belong to this log.', {
        hint: 'Start again with the current rows.',
      })
    return new Map(JSON.parse(cursor.slice(this.id.length + 1)) as [string, number][])
  }
}
