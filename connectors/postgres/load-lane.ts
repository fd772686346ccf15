import type { Batch, LoadProgress, Position, Table, UnitEnd } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { formatSize } from '../../runtime/quantity.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import type { Captured } from './catalog.ts'
import { applyPlan, planWithoutExcluded, type RowPlan } from './columns.ts'
import { cellsSize, DataRows, ValueTooLarge } from './data-row.ts'
import { Scratch, Span } from './rows.ts'
import type { RowTaker } from './select-rows.ts'

/** A chunk is handed over once it has this many bytes: a little less than a buffer that is a power of two. */
const CHUNK_BYTES = 2 * 1024 * 1024 - 64 * 1024

export interface LaneOptions {
  readonly captured: Captured
  readonly tables: readonly Table[]
  readonly columns: number
  readonly maxValueBytes: number
  readonly high: Position
  /** Server's clock when the snapshot was taken into use, microseconds since 1970. */
  readonly time: bigint
  /** Called with each chunk that is full; a promise keeps the server waiting until it resolves. */
  readonly onFull: () => Promise<void> | undefined
}

/** Rows of one connection on their way into units. */
export class LoadLane implements RowTaker {
  readonly #options: LaneOptions
  readonly #table: Table
  readonly #plan: RowPlan
  readonly #writer: BatchWriter
  readonly #rowsIn: DataRows
  /** Where the cells of the row at hand begin. */
  readonly #starts: Uint32Array
  readonly #decoded = new Scratch()
  readonly #planned = new Scratch()
  readonly #row = new Span()
  /** Rows not yet taken. */
  #rows = 0
  #held: Promise<void> | undefined

  constructor(options: LaneOptions) {
    this.#options = options
    this.#table = options.captured.table
    this.#plan = planWithoutExcluded(options.captured.plan)
    this.#writer = new BatchWriter([...options.tables, options.captured.table])
    this.#rowsIn = new DataRows(options.columns, options.maxValueBytes)
    this.#starts = new Uint32Array(options.columns + 1)
  }

  get rows(): number {
    return this.#rows
  }

  /** The table's `s`, and the end of what a former load left of it. */
  open(restart: boolean): void {
    this.#writer.announce(this.#table)
    if (!restart) return
    this.#begin()
    this.#writer.truncate(this.#table)
  }

  row(bytes: Buffer, at: number, end: number): void {
    this.#begin()
    const writer = this.#writer
    const size = cellsSize(this.#options.columns, end - at)
    const to = this.#plan.identity ? writer.room(this.#table, size) : -1
    if (to >= 0) writer.placed('r', this.#table, to, this.#decode(bytes, at, end, writer.bytes, to), this.#starts)
    else {
      const tuple = this.#row
      tuple.bytes = this.#decoded.room(size)
      tuple.end = this.#decode(bytes, at, end, tuple.bytes, 0)
      writer.row('r', this.#table, applyPlan(this.#plan, tuple.bytes, 0, tuple.end, this.#planned))
    }
    this.#rows++
    if (writer.size >= CHUNK_BYTES) this.#held = this.#options.onFull()
  }

  pause(): Promise<void> | undefined {
    const held = this.#held
    this.#held = undefined
    return held
  }

  /** Everything so far, as the end of a unit. */
  take(progress: LoadProgress): Batch {
    if (this.#writer.inTransaction) this.#writer.commit()
    this.#rows = 0
    const end: UnitEnd = { lane: `load:${this.#table.name}`, progress }
    return this.#writer.take(end)
  }

  #begin(): void {
    if (!this.#writer.inTransaction) this.#writer.beginLoad(this.#options.high, this.#options.time)
  }

  #decode(bytes: Buffer, at: number, end: number, into: Buffer, to: number): number {
    try {
      return this.#rowsIn.cells(bytes, at, end, into, to, this.#starts)
    } catch (error) {
      throw error instanceof ValueTooLarge ? this.#tooLarge(error) : error
    }
  }

  #tooLarge({ column, length }: ValueTooLarge): TailraceError {
    const name = this.#table.columns[column]!.name
    const limit = formatSize(this.#options.maxValueBytes)
    return new TailraceError(
      'VALUE_TOO_LARGE',
      'stop',
      `A value of column ${name} of ${this.#table.name} has ${formatSize(length)}; the limit is ${limit}.`,
      { hint: 'Raise maxValueBytes of the source (it costs about twice as much memory), or exclude the column.' },
    )
  }
}
