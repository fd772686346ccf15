import type { Batch, LoadProgress, Position, SourceIdentity, Table, UnitEnd } from '../../runtime/contract.ts'
import { indexCells, keyOf } from '../../runtime/record/key.ts'
import type { Tuple } from '../../runtime/record/tuple.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import type { EventRoute } from './event-route.ts'

/** A chunk is handed over once it has this many bytes: a little less than a buffer that is a power of two. */
export const CHUNK_BYTES = 2 * 1024 * 1024 - 64 * 1024

/** Rows of a table's load on their way into units of its lane. */
export class LoadWriter {
  readonly #table: Table
  readonly #writer: BatchWriter
  readonly #wanted: ReadonlySet<string> | undefined
  readonly #route: EventRoute | undefined
  readonly #starts: Uint32Array
  #high = '' as Position
  #time = 0n
  #rows = 0

  /**
   * `registry`: every table version so far; takes up what is announced. `wanted`: canonical keys, as text of one byte a
   * character; other rows are left out. `route`: of an outbox, whose rows go elsewhere.
   */
  constructor(table: Table, registry: Map<number, Table>, wanted?: ReadonlySet<string>, route?: EventRoute) {
    this.#table = table
    this.#writer = new BatchWriter(registry)
    this.#wanted = wanted
    this.#route = route
    this.#starts = new Uint32Array(table.columns.length + 1)
  }

  /** Rows not yet taken. */
  get rows(): number {
    return this.#rows
  }

  /** Bytes of the rows not yet taken. */
  get size(): number {
    return this.#writer.size
  }

  get isFull(): boolean {
    return this.#writer.size >= CHUNK_BYTES
  }

  /** `high`: of the fence that the rows to come are read under. `time`: server's clock then, microseconds since 1970. */
  under(high: Position, time: bigint): void {
    this.#high = high
    this.#time = time
  }

  /** The `s` of these tables, before the first row. */
  announce(tables: readonly Table[] = [this.#table]): void {
    for (const table of tables) this.#writer.announce(table)
  }

  /** The end of what a former load left of the table. */
  truncate(): void {
    this.#begin()
    for (const table of this.#route?.tables ?? [this.#table]) this.#writer.truncate(table)
  }

  row(tuple: Tuple): void {
    if (this.#wanted !== undefined && !this.#wanted.has(Buffer.from(this.#keyOf(tuple)).toString('latin1'))) return
    this.#begin()
    const table = this.#route?.tableOf(tuple) ?? this.#table
    if (!this.#writer.registry.has(table.id)) this.#writer.announce(table)
    this.#writer.row('r', table, tuple)
    this.#rows++
  }

  /**
   * Where in `bytes` the cells of a row, at most `size` bytes, may be written, then `placed`. -1: it must come through `row`.
   * `isNeeded`: they take that many, so memory is made for them where they are to stand.
   */
  room(size: number, isNeeded = false): number {
    if (this.#wanted !== undefined || this.#route !== undefined) return -1
    this.#begin()
    return this.#writer.room(this.#table, size, isNeeded)
  }

  /** Another one after the next call. */
  get bytes(): Buffer {
    return this.#writer.bytes
  }

  /** The cells of a row stand at `at`, as `room` answered, up to `end`; each begins at its `starts`. None is absent. */
  placed(at: number, end: number, starts: Uint32Array): void {
    this.#writer.placed('r', this.#table, at, end, starts)
    this.#rows++
  }

  /** Everything so far, as the end of a unit. */
  take(progress: LoadProgress, identity?: SourceIdentity): Batch {
    if (this.#writer.inTransaction) this.#writer.commit()
    this.#rows = 0
    const lane = `load:${this.#table.name}` as const
    const end: UnitEnd = identity === undefined ? { lane, progress } : { lane, progress, identity }
    return this.#writer.take(end)
  }

  #begin(): void {
    if (!this.#writer.inTransaction) this.#writer.beginLoad(this.#high, this.#time)
  }

  #keyOf({ bytes, at, end }: Tuple): Uint8Array {
    indexCells(bytes, at, end, this.#table.columns.length, this.#starts)
    return keyOf(this.#table, bytes, this.#starts)
  }
}
