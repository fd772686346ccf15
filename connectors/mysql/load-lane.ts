import type { Table } from '../../runtime/contract.ts'
import { keyOf } from '../../runtime/record/key.ts'
import { LoadWriter } from '../common/load-writer.ts'
import { applyPlan, planWithoutExcluded, type RowPlan } from '../common/row-plan.ts'
import { Scratch } from '../common/scratch.ts'
import type { Captured } from './catalog.ts'
import { lengthAt, lengthSize, NULL_VALUE } from './length.ts'
import type { RowTaker } from './query-wire.ts'
import { quoteName } from './quote.ts'
import { valueTooLarge } from './value-limit.ts'
import { CellOutput, likelyRoom } from './values/cell-output.ts'
import type { Charsets } from './values/charsets.ts'
import { selectExpression, type TextReader, textReader } from './values/snapshot-cells.ts'

export interface LaneOptions {
  readonly captured: Captured
  /** Every table version so far. Takes up what is announced. */
  readonly registry: Map<number, Table>
  readonly maxValueBytes: number
  readonly charsets: Charsets
  /** Canonical keys, as text of one byte a character: other rows are left out. */
  readonly wanted?: ReadonlySet<string>
  /** Called with each chunk that is full; a promise keeps the server waiting. Without it rows beyond it are passed over. */
  readonly onFull?: () => Promise<void> | undefined
}

/** What follows SELECT, for the rows that a lane takes: every column that is not excluded. */
export function selectList({ definition }: Captured): string {
  const kept = definition.columns.filter(({ rule }) => rule !== 'exclude')
  return kept
    .map(({ column, charset }) => selectExpression(column.declared, quoteName(column.name), charset))
    .join(', ')
}

/** Rows of one connection on their way into units. */
export class LoadLane implements RowTaker {
  readonly units: LoadWriter
  readonly #options: LaneOptions
  readonly #readers: readonly TextReader[]
  /** As the database has them, before any mask. */
  readonly #unmasked: Table
  readonly #plan: RowPlan
  readonly #placed = new CellOutput()
  readonly #cells = new CellOutput()
  readonly #planned = new Scratch()
  readonly #starts: Uint32Array
  #held: Promise<void> | undefined
  /** Rows that came, and those that were taken, since `expect`. */
  #came = 0
  #taken = 0
  #lastKey: Uint8Array | undefined

  constructor(options: LaneOptions) {
    const { captured, registry, wanted, charsets } = options
    this.#options = options
    this.units = new LoadWriter(captured.table, registry, wanted, captured.route)
    const kept = captured.definition.columns.filter(({ rule }) => rule !== 'exclude').map(({ column }) => column)
    this.#readers = captured.definition.columns
      .filter(({ rule }) => rule !== 'exclude')
      .map(({ column, charset }) =>
        textReader(column.declared, charset === undefined ? undefined : charsets.writer(charset, column.name)),
      )
    this.#unmasked = { ...captured.table, columns: kept }
    this.#plan = planWithoutExcluded(captured.plan)
    this.#starts = new Uint32Array(kept.length + 1)
  }

  /** A new query. */
  expect(): void {
    this.#came = 0
    this.#taken = 0
    this.#lastKey = undefined
  }

  get came(): number {
    return this.#came
  }

  get taken(): number {
    return this.#taken
  }

  /** All rows that came were taken. */
  get tookAll(): boolean {
    return this.#came === this.#taken
  }

  /** Of the last row taken, canonical bytes of what the database has in its key columns. */
  get lastKey(): Uint8Array | undefined {
    return this.#lastKey
  }

  row(bytes: Buffer, at: number, end: number): void {
    this.#came++
    const { onFull } = this.#options
    if (onFull === undefined && this.units.isFull) return
    this.#taken++
    if (!this.#place(bytes, at, end)) {
      const cells = this.#cells
      cells.clear()
      this.#read(bytes, at, end, cells)
      this.units.row(applyPlan(this.#plan, cells.bytes, 0, cells.at, this.#planned))
    }
    if (onFull !== undefined && this.units.isFull) this.#held = onFull()
  }

  /** Reads the row straight into the unit. False: it must be read into memory of its own. */
  #place(bytes: Buffer, at: number, end: number): boolean {
    const { units } = this
    const cells = this.#placed
    const size = likelyRoom(end - at, this.#readers.length)
    const to = this.#plan.identity ? units.room(size) : -1
    if (to < 0) return false
    cells.place(units.bytes, to, size)
    this.#read(bytes, at, end, cells)
    if (!cells.isPlaced) return false
    units.placed(to, cells.at, this.#starts)
    return true
  }

  /** The row as cells, and where each begins. */
  #read(bytes: Buffer, at: number, end: number, cells: CellOutput): void {
    const readers = this.#readers
    const starts = this.#starts
    const { maxValueBytes } = this.#options
    let from = at
    for (let column = 0; column < readers.length; column++) {
      starts[column] = cells.at
      const first = bytes[from]!
      if (first === NULL_VALUE) {
        cells.null()
        from++
        continue
      }
      const length = lengthAt(bytes, from, end)
      from += lengthSize(first)
      if (length > maxValueBytes)
        throw valueTooLarge(this.#unmasked.name, this.#unmasked.columns[column]!.name, length, maxValueBytes)
      readers[column]!.read(bytes, from, length, cells)
      from += length
    }
    starts[readers.length] = cells.at
    if (this.#options.onFull === undefined) this.#lastKey = keyOf(this.#unmasked, cells.bytes, starts)
  }

  pause(): Promise<void> | undefined {
    const held = this.#held
    this.#held = undefined
    return held
  }
}
