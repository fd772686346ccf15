import type { Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { formatSize } from '../../runtime/quantity.ts'
import { LoadWriter } from '../common/load-writer.ts'
import { applyPlan, planWithoutExcluded, type RowPlan } from '../common/row-plan.ts'
import { Scratch, Span } from '../common/scratch.ts'
import type { Captured } from './capture.ts'
import { cellsSize, DataRows, ValueTooLarge } from './data-row.ts'
import type { RowTaker } from './select-rows.ts'

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
  readonly units: LoadWriter
  readonly #options: LaneOptions
  readonly #table: Table
  readonly #plan: RowPlan
  readonly #rowsIn: DataRows
  /** Where the cells of the row at hand begin. */
  readonly #starts: Uint32Array
  readonly #decoded = new Scratch()
  readonly #planned = new Scratch()
  readonly #row = new Span()
  #held: Promise<void> | undefined

  constructor(options: LaneOptions) {
    const { captured, registry, columns, wanted, maxValueBytes } = options
    this.units = new LoadWriter(captured.table, registry, wanted, captured.route)
    this.#options = options
    this.#table = captured.table
    this.#plan = planWithoutExcluded(captured.plan)
    this.#rowsIn = new DataRows(columns, maxValueBytes)
    this.#starts = new Uint32Array(columns + 1)
  }

  row(bytes: Buffer, at: number, end: number): void {
    const { units } = this
    const size = cellsSize(this.#options.columns, end - at)
    const to = this.#plan.identity ? units.room(size, true) : -1
    if (to >= 0) units.placed(to, this.#decode(bytes, at, end, units.bytes, to), this.#starts)
    else {
      const tuple = this.#row
      tuple.bytes = this.#decoded.room(size)
      tuple.end = this.#decode(bytes, at, end, tuple.bytes, 0)
      units.row(applyPlan(this.#plan, tuple.bytes, 0, tuple.end, this.#planned))
    }
    if (units.isFull) this.#held = this.#options.onFull()
  }

  pause(): Promise<void> | undefined {
    const held = this.#held
    this.#held = undefined
    return held
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
