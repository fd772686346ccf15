import type { Table } from '../../runtime/contract.ts'
import { indexCells, keyOf } from '../../runtime/record/key.ts'
import { LoadWriter } from '../common/load-writer.ts'
import { applyPlan, planWithoutExcluded, type RowPlan } from '../common/row-plan.ts'
import { Scratch } from '../common/scratch.ts'
import type { Captured } from './catalog.ts'
import { lengthAt, lengthSize, NULL_VALUE } from './length.ts'
import type { RowTaker } from './query-wire.ts'
import { quoteName } from './quote.ts'
import { valueTooLarge } from './value-limit.ts'
import { CellOutput } from './values/cell-output.ts'
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
    this.units = new LoadWriter(captured.table, registry, wanted)
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
    const cells = this.#cells
    cells.clear()
    let from = at
    for (let column = 0; column < this.#readers.length; column++) {
      if (bytes[from] === NULL_VALUE) {
        cells.null()
        from++
        continue
      }
      const length = lengthAt(bytes, from, end)
      from += lengthSize(bytes[from]!)
      if (length > this.#options.maxValueBytes)
        throw valueTooLarge(
          this.#unmasked.name,
          this.#unmasked.columns[column]!.name,
          length,
          this.#options.maxValueBytes,
        )
      this.#readers[column]!.read(bytes, from, length, cells)
      from += length
    }
    if (onFull === undefined) this.#noteKey()
    this.units.row(applyPlan(this.#plan, cells.bytes, 0, cells.at, this.#planned))
    if (onFull !== undefined && this.units.isFull) this.#held = onFull()
  }

  pause(): Promise<void> | undefined {
    const held = this.#held
    this.#held = undefined
    return held
  }

  #noteKey(): void {
    const { bytes, at } = this.#cells
    indexCells(bytes, 0, at, this.#unmasked.columns.length, this.#starts)
    this.#lastKey = keyOf(this.#unmasked, bytes, this.#starts)
  }
}
