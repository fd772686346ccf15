import type { ChangeView, Table } from '../contract.ts'
import { asBuffer } from '../record/cells.ts'
import { indexCells } from '../record/key.ts'
import { CellTag } from '../record/layout.ts'
import type { ColumnMap } from './columns.ts'

/** The state of a row from which unchanged cells are taken. */
export interface FormerRow {
  readonly table: Table
  readonly bytes: Buffer
  /** Where each cell begins, and the end of the last. */
  readonly starts: Uint32Array
}

export function formerRow(table: Table, bytes: Uint8Array, at: number, end: number): FormerRow {
  const starts = new Uint32Array(table.columns.length + 1)
  indexCells(bytes, at, end, table.columns.length, starts)
  return { table, bytes: asBuffer(bytes), starts }
}

/** A row of the log, which must stay valid; undefined for a delete. */
export function formerChange(change: ChangeView): FormerRow | undefined {
  if (change.kind === 'd') return undefined
  const { table, cells } = change
  return formerRow(table, cells, 0, cells.length)
}

/** The only cell of which no row has bytes. */
const ABSENT = Buffer.from([CellTag.absent])

/** A run of cells from two rows, put together anew for each row where it is written: the cells may be large. */
export class CellRun {
  /** Bytes of all cells. */
  end = 0
  /** Where each cell begins, counted from the first. */
  starts = new Uint32Array(64)
  /** No cell is absent. */
  isComplete = false
  /** What it consists of: runs of bytes of rows. */
  #bytes: Buffer[] = []
  #froms: number[] = []
  #tos: number[] = []

  /** The row's own cells, and where it has none those of the former row. `map`: of its columns, if versions differ. */
  fill(table: Table, own: FormerRow, former: FormerRow, map: ColumnMap | undefined): void {
    this.#begin(table)
    for (let i = 0; i < table.columns.length; i++) {
      if (own.bytes[own.starts[i]!] !== CellTag.absent) this.#add(i, own, i)
      else this.#add(i, former, map === undefined ? i : map[i]!)
    }
  }

  /** The former row as one of this version of the table. */
  take(table: Table, former: FormerRow, map: ColumnMap | undefined): void {
    this.#begin(table)
    for (let i = 0; i < table.columns.length; i++) this.#add(i, former, map === undefined ? i : map[i]!)
  }

  /** Writes the cells and lets go of the rows; answers the position behind them. */
  writeTo(into: Buffer, at: number): number {
    let position = at
    for (const [i, bytes] of this.#bytes.entries())
      position += bytes.copy(into, position, this.#froms[i]!, this.#tos[i]!)
    this.#bytes = []
    return position
  }

  #begin({ columns }: Table): void {
    if (this.starts.length <= columns.length) this.starts = new Uint32Array(2 * columns.length + 1)
    this.#bytes = []
    this.#froms = []
    this.#tos = []
    this.end = 0
    this.isComplete = true
    this.starts[0] = 0
  }

  #add(column: number, { bytes, starts }: FormerRow, from: number): void {
    if (from === -1) this.#put(ABSENT, 0, 1)
    else this.#put(bytes, starts[from]!, starts[from + 1]!)
    this.starts[column + 1] = this.end
  }

  #put(bytes: Buffer, from: number, to: number): void {
    if (bytes[from] === CellTag.absent) this.isComplete = false
    this.end += to - from
    const last = this.#bytes.length - 1
    if (this.#bytes[last] === bytes && this.#tos[last] === from) this.#tos[last] = to
    else {
      this.#bytes.push(bytes)
      this.#froms.push(from)
      this.#tos.push(to)
    }
  }
}
