import type { Table } from '../contract.ts'
import { copyInto } from '../record/entry-buffer.ts'
import { indexCells } from '../record/key.ts'
import { CellTag } from '../record/layout.ts'
import type { Field } from './fields.ts'

/** Copies the cells of a table's row as some fields have them: first the size, then the bytes. */
export class CellPicker {
  /** Of the row taken last. */
  size = 0
  /** No cell of it is absent. */
  isComplete = true
  #run: Uint8Array = new Uint8Array(0)
  #fields: readonly Field[] | undefined
  #starts = new Uint32Array(64)

  /** `fields`: undefined: all columns. The run must stay until `write`. */
  take(run: Uint8Array, { columns }: Table, fields: readonly Field[] | undefined): void {
    this.#run = run
    this.#fields = fields
    this.size = 0
    if (this.#starts.length <= columns.length) this.#starts = new Uint32Array(2 * columns.length + 1)
    const starts = this.#starts
    this.isComplete = indexCells(run, 0, run.length, columns.length, starts)
    if (fields === undefined) {
      this.size = run.length
      return
    }
    this.isComplete = true
    for (const { from } of fields) {
      if (typeof from !== 'number') this.size += from.length
      else {
        this.size += starts[from + 1]! - starts[from]!
        if (run[starts[from]!] === CellTag.absent) this.isComplete = false
      }
    }
  }

  /** Answers the position behind it. */
  write(into: Buffer, at: number): number {
    const [run, starts] = [this.#run, this.#starts]
    if (this.#fields === undefined) return copyInto(into, at, run, 0, run.length)
    let place = at
    for (const { from } of this.#fields)
      place =
        typeof from === 'number'
          ? copyInto(into, place, run, starts[from]!, starts[from + 1]!)
          : copyInto(into, place, from, 0, from.length)
    return place
  }
}
