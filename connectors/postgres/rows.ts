import type { Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { indexCells, keyOf } from '../../runtime/record/key.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import type { BatchWriter, Tuple } from '../../runtime/record/writer.ts'
import { applyPlan, type RowPlan } from './columns.ts'

/** How the rows of one relation of the stream become rows of a Table. */
export interface Decoded {
  readonly table: Table
  readonly plan: RowPlan
  /** Of a tuple as the server sends it. */
  readonly columns: number
}

/** A tuple that is pointed elsewhere for each row. */
export class Span implements Tuple {
  bytes: Buffer = Buffer.alloc(0)
  at = 0
  end = 0
}

/** Memory for one rewritten tuple, used again for the next. */
export class Scratch {
  bytes: Buffer = Buffer.allocUnsafeSlow(4096)

  /** At least `size` bytes; what was in it is lost. */
  room(size: number): Buffer {
    if (this.bytes.length < size) this.bytes = Buffer.allocUnsafeSlow(Math.max(size, 2 * this.bytes.length))
    return this.bytes
  }
}

/** Writes the stream's rows as records, a moved key as a pair. What was not sent is taken from the old row, if that was. */
export class RowDecoder {
  readonly #writer: BatchWriter
  readonly #oldScratch = new Scratch()
  readonly #newScratch = new Scratch()
  readonly #filledScratch = new Scratch()
  readonly #filled = new Span()
  #oldStarts = new Uint32Array(64)
  #newStarts = new Uint32Array(64)

  constructor(writer: BatchWriter) {
    this.#writer = writer
  }

  insert({ table, plan }: Decoded, next: Span): void {
    this.#writer.row('c', table, planned(plan, next, this.#newScratch))
  }

  /** The key did not change. Cells that were not sent stay absent. */
  update({ table, plan }: Decoded, next: Span): void {
    requireKey(table)
    this.#writer.row('u', table, planned(plan, next, this.#newScratch))
  }

  /** `old`: the whole former row if `full`, else its key alone. */
  updateFrom({ table, plan }: Decoded, sentOld: Span, sentNext: Span, full: boolean): void {
    requireKey(table)
    const old = planned(plan, sentOld, this.#oldScratch)
    const next = this.#fill(table, old, planned(plan, sentNext, this.#newScratch), full)
    const oldKey = keyOf(table, old.bytes, this.#oldStarts)
    const newKey = keyOf(table, next.bytes, this.#newStarts)
    if (Buffer.compare(oldKey, newKey) === 0) {
      this.#writer.row('u', table, next, full ? old : undefined)
      return
    }
    this.#writer.delete(table, old, full, newKey)
    this.#writer.row('u', table, next, undefined, oldKey)
  }

  delete({ table, plan }: Decoded, old: Span, full: boolean): void {
    requireKey(table)
    this.#writer.delete(table, planned(plan, old, this.#oldScratch), full)
  }

  /** `next` with the unchanged cells that `old` knows; leaves the starts of both tuples' cells. */
  #fill(table: Table, old: Tuple, next: Tuple, full: boolean): Tuple {
    const columns = table.columns.length
    if (this.#oldStarts.length <= columns) {
      this.#oldStarts = new Uint32Array(2 * columns + 1)
      this.#newStarts = new Uint32Array(2 * columns + 1)
    }
    const oldStarts = this.#oldStarts
    const newStarts = this.#newStarts
    indexCells(old.bytes, old.at, old.end, columns, oldStarts)
    if (indexCells(next.bytes, next.at, next.end, columns, newStarts)) return next
    const into = this.#filledScratch.room(next.end - next.at + old.end - old.at)
    let at = 0
    for (let i = 0; i < columns; i++) {
      const known = next.bytes[newStarts[i]!] !== CellTag.absent || !(full || table.key.includes(i))
      const from = known ? next : old
      const starts = known ? newStarts : oldStarts
      into.set(from.bytes.subarray(starts[i]!, starts[i + 1]!), at)
      at += starts[i + 1]! - starts[i]!
    }
    this.#filled.bytes = into
    this.#filled.end = at
    indexCells(into, 0, at, columns, newStarts)
    return this.#filled
  }
}

function planned(plan: RowPlan, tuple: Span, scratch: Scratch): Tuple {
  return plan.identity ? tuple : applyPlan(plan, tuple.bytes, tuple.at, tuple.end, scratch)
}

function requireKey(table: Table): void {
  if (table.key.length > 0 && !table.appendOnly) return
  throw new TailraceError('APPEND_ONLY_CHANGED', 'stop', `A row of ${table.name}, which is append-only, was changed.`, {
    hint: 'Publish only inserts and truncates of it, or give it a primary key and take it out of `appendOnly`.',
  })
}
