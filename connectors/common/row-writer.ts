import type { Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { indexCells, keyOf } from '../../runtime/record/key.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import type { Tuple } from '../../runtime/record/tuple.ts'
import type { BatchWriter } from '../../runtime/record/writer.ts'
import type { EventRoute } from './event-route.ts'
import { applyPlan, type RowPlan } from './row-plan.ts'
import { Scratch, Span } from './scratch.ts'

/** Room for the size of an old row's cells, which stands before them. */
export const BEFORE_LENGTH = 8

/** What the server's rows of one table become rows of. */
export interface RowTarget {
  readonly table: Table
  readonly plan: RowPlan
  /** Of an outbox: into which tables they go. */
  readonly route?: EventRoute | undefined
}

/**
 * What was sent of a row as it was before: `whole`; `partial`: cells that are absent were not sent; `key`: what stands
 * in other columns than the key's says nothing.
 */
export type FormerRow = 'whole' | 'partial' | 'key'

/**
 * Writes the rows of a stream as records, a moved key as a pair. What was not sent of a new row is taken from the old
 * one, as far as that was. All tuples have one cell for each of the plan's rules.
 */
export class RowWriter {
  readonly #writer: BatchWriter
  readonly #appendOnlyHint: string
  readonly #oldScratch = new Scratch()
  readonly #newScratch = new Scratch()
  readonly #filledScratch = new Scratch()
  readonly #filled = new Span()
  #oldStarts = new Uint32Array(64)
  #newStarts = new Uint32Array(64)

  /** `appendOnlyHint`: what to do about rows of an append-only table that were changed. */
  constructor(writer: BatchWriter, appendOnlyHint: string) {
    this.#writer = writer
    this.#appendOnlyHint = appendOnlyHint
  }

  insert({ table, plan, route }: RowTarget, next: Span): void {
    const row = planned(plan, next, this.#newScratch)
    this.#writer.row('c', route === undefined ? table : this.#announced(route.tableOf(row)), row)
  }

  /** A row as it is. */
  append(table: Table, row: Tuple): void {
    this.#writer.row('c', this.#announced(table), row)
  }

  #announced(table: Table): Table {
    if (!this.#writer.registry.has(table.id)) this.#writer.announce(table)
    return table
  }

  /** Where in `bytes` at most `size` bytes of cells may be written for `placedInsert` or `placedUpdate`; -1: nowhere. */
  room({ table, plan, route }: RowTarget, size: number): number {
    return plan.identity && route === undefined ? this.#writer.room(table, size + BEFORE_LENGTH) : -1
  }

  /** Another one after the next row. */
  get bytes(): Buffer {
    return this.#writer.bytes
  }

  /** The row's cells stand at `at`, as `room` answered, up to `end`; each begins at its `starts`, and none is absent. */
  placedInsert({ table }: RowTarget, at: number, end: number, starts: Uint32Array): void {
    this.#writer.placed('c', table, at, end, starts)
  }

  /**
   * The old row's cells begin BEFORE_LENGTH bytes behind `at`, as `room` answered, and the new one's follow, up to `end`;
   * none is absent. False: the key moved, and nothing was written.
   */
  placedUpdate({ table }: RowTarget, at: number, end: number, oldStarts: Uint32Array, newStarts: Uint32Array): boolean {
    this.#requireKey(table)
    const { bytes } = this.#writer
    if (!hasSameKey(table, bytes, oldStarts, bytes, newStarts)) return false
    this.#writer.placed('u', table, at, end, newStarts)
    return true
  }

  /** The key did not change. Cells that were not sent stay absent. */
  update({ table, plan }: RowTarget, next: Span): void {
    this.#requireKey(table)
    this.#writer.row('u', table, planned(plan, next, this.#newScratch))
  }

  /** Cells that neither tuple has stay absent. `sentOld` has the key's cells; `sentNext` those of them that changed. */
  updateFrom({ table, plan }: RowTarget, sentOld: Span, sentNext: Span, former: FormerRow): void {
    this.#requireKey(table)
    const old = planned(plan, sentOld, this.#oldScratch)
    const next = this.#fill(table, old, planned(plan, sentNext, this.#newScratch), former)
    if (hasSameKey(table, old.bytes, this.#oldStarts, next.bytes, this.#newStarts)) {
      this.#writer.row('u', table, next, former === 'whole' ? old : undefined)
      return
    }
    const oldKey = keyOf(table, old.bytes, this.#oldStarts)
    const newKey = keyOf(table, next.bytes, this.#newStarts)
    this.#writer.delete(table, old, former === 'whole', newKey)
    this.#writer.row('u', table, next, undefined, oldKey)
  }

  /** `old` has the key's cells at least. */
  delete({ table, plan }: RowTarget, old: Span, former: FormerRow): void {
    this.#requireKey(table)
    this.#writer.delete(table, planned(plan, old, this.#oldScratch), former === 'whole')
  }

  /** `next` with the cells that only `old` knows; leaves the starts of both tuples' cells. */
  #fill(table: Table, old: Tuple, next: Tuple, former: FormerRow): Tuple {
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
      const known = next.bytes[newStarts[i]!] !== CellTag.absent || (former === 'key' && !table.key.includes(i))
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

  #requireKey(table: Table): void {
    if (table.key.length > 0 && !table.appendOnly) return
    throw new TailraceError(
      'APPEND_ONLY_CHANGED',
      'stop',
      `A row of ${table.name}, which is append-only, was changed.`,
      { hint: this.#appendOnlyHint },
    )
  }
}

function hasSameKey(
  table: Table,
  old: Uint8Array,
  oldStarts: Uint32Array,
  next: Uint8Array,
  newStarts: Uint32Array,
): boolean {
  for (const i of table.key) {
    const oldAt = oldStarts[i]!
    const newAt = newStarts[i]!
    const size = oldStarts[i + 1]! - oldAt
    if (newStarts[i + 1]! - newAt !== size) return false
    for (let k = 0; k < size; k++) if (old[oldAt + k] !== next[newAt + k]) return false
  }
  return true
}

function planned(plan: RowPlan, tuple: Span, scratch: Scratch): Tuple {
  return plan.identity ? tuple : applyPlan(plan, tuple.bytes, tuple.at, tuple.end, scratch)
}
