import type { Batch, LoadProgress, Position, SourceIdentity, Table, UnitEnd } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { formatSize } from '../../runtime/quantity.ts'
import { indexCells, keyOf } from '../../runtime/record/key.ts'
import { BatchWriter, type Tuple } from '../../runtime/record/writer.ts'
import { applyPlan, planWithoutExcluded, type RowPlan } from '../common/row-plan.ts'
import { Scratch, Span } from '../common/scratch.ts'
import type { Captured } from './catalog.ts'
import { cellsSize, DataRows, ValueTooLarge } from './data-row.ts'
import type { RowTaker } from './select-rows.ts'

/** A chunk is handed over once it has this many bytes: a little less than a buffer that is a power of two. */
const CHUNK_BYTES = 2 * 1024 * 1024 - 64 * 1024

export interface LaneOptions {
  readonly captured: Captured
  /** Every table version so far. Takes up what is announced. */
  readonly registry: Map<number, Table>
  readonly columns: number
  readonly maxValueBytes: number
  /** Canonical keys, as text of one byte a character: other rows are left out. */
  readonly wanted?: ReadonlySet<string>
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
  #high = '' as Position
  #time = 0n
  /** Rows not yet taken. */
  #rows = 0
  #held: Promise<void> | undefined

  constructor(options: LaneOptions) {
    this.#options = options
    this.#table = options.captured.table
    this.#plan = planWithoutExcluded(options.captured.plan)
    this.#writer = new BatchWriter(options.registry)
    this.#rowsIn = new DataRows(options.columns, options.maxValueBytes)
    this.#starts = new Uint32Array(options.columns + 1)
  }

  get rows(): number {
    return this.#rows
  }

  /** Bytes of the rows not yet taken. */
  get size(): number {
    return this.#writer.size
  }

  /** `high`: of the fence that the rows to come are read under. `time`: server's clock then, microseconds since 1970. */
  under(high: Position, time: bigint): void {
    this.#high = high
    this.#time = time
  }

  /** Tables' `s`, before the first row. */
  announce(tables: readonly Table[] = [this.#table]): void {
    for (const table of tables) this.#writer.announce(table)
  }

  /** The end of what a former load left of the table. */
  truncate(): void {
    this.#begin()
    this.#writer.truncate(this.#table)
  }

  row(bytes: Buffer, at: number, end: number): void {
    const writer = this.#writer
    const { columns, wanted } = this.#options
    if (wanted === undefined) this.#begin()
    const size = cellsSize(columns, end - at)
    const to = this.#plan.identity && wanted === undefined ? writer.room(this.#table, size) : -1
    if (to >= 0) writer.placed('r', this.#table, to, this.#decode(bytes, at, end, writer.bytes, to), this.#starts)
    else {
      const tuple = this.#row
      tuple.bytes = this.#decoded.room(size)
      tuple.end = this.#decode(bytes, at, end, tuple.bytes, 0)
      const planned = applyPlan(this.#plan, tuple.bytes, 0, tuple.end, this.#planned)
      if (wanted !== undefined) {
        if (!wanted.has(this.#keyText(planned))) return
        this.#begin()
      }
      writer.row('r', this.#table, planned)
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
  take(progress: LoadProgress, identity?: SourceIdentity): Batch {
    if (this.#writer.inTransaction) this.#writer.commit()
    this.#rows = 0
    const lane = `load:${this.#table.name}` as const
    const end: UnitEnd = identity === undefined ? { lane, progress } : { lane, progress, identity }
    return this.#writer.take(end)
  }

  #keyText({ bytes, at, end }: Tuple): string {
    indexCells(bytes, at, end, this.#table.columns.length, this.#starts)
    return Buffer.from(keyOf(this.#table, bytes, this.#starts)).toString('latin1')
  }

  #begin(): void {
    if (!this.#writer.inTransaction) this.#writer.beginLoad(this.#high, this.#time)
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
