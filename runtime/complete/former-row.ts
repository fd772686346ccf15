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

/** A run of cells that is put together anew for each row. */
export class CellRun {
  bytes: Buffer = Buffer.allocUnsafeSlow(4096)
  end = 0
  starts = new Uint32Array(64)
  /** No cell is absent. */
  isComplete = false

  /** The row's own cells, and where it has none those of the former row. `map`: of its columns, if versions differ. */
  fill(table: Table, own: FormerRow, former: FormerRow, map: ColumnMap | undefined): void {
    this.#begin(table, own.starts.at(-1)! - own.starts[0]! + former.starts.at(-1)! - former.starts[0]!)
    for (let i = 0; i < table.columns.length; i++) {
      if (own.bytes[own.starts[i]!] !== CellTag.absent) this.#add(i, own, i)
      else this.#add(i, former, map === undefined ? i : map[i]!)
    }
  }

  /** The former row as one of this version of the table. */
  take(table: Table, former: FormerRow, map: ColumnMap | undefined): void {
    this.#begin(table, former.starts.at(-1)! - former.starts[0]! + table.columns.length)
    for (let i = 0; i < table.columns.length; i++) this.#add(i, former, map === undefined ? i : map[i]!)
  }

  #begin({ columns }: Table, size: number): void {
    if (this.bytes.length < size || this.bytes.length > 16 * size + LARGEST_KEPT)
      this.bytes = Buffer.allocUnsafeSlow(Math.max(size, 4096))
    if (this.starts.length <= columns.length) this.starts = new Uint32Array(2 * columns.length + 1)
    this.end = 0
    this.isComplete = true
    this.starts[0] = 0
  }

  #add(column: number, { bytes, starts }: FormerRow, from: number): void {
    if (from === -1) this.bytes[this.end++] = CellTag.absent
    else {
      bytes.copy(this.bytes, this.end, starts[from]!, starts[from + 1]!)
      this.end += starts[from + 1]! - starts[from]!
    }
    if (this.bytes[this.starts[column]!] === CellTag.absent) this.isComplete = false
    this.starts[column + 1] = this.end
  }
}

/** Memory of one huge row is not kept for small ones. */
const LARGEST_KEPT = 1024 * 1024
