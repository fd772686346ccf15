import type { ChangeView } from '../contract.ts'
import { CellTag } from '../record/layout.ts'
import type { Row } from './judge.ts'
import type { TableShape } from './table-shape.ts'

/**
 * What becomes of a change on its way to a sink. `deleted`: its row is not, or not any more, one of the
 * sink's. Bytes: the cells that a function gave it, behind those of its key.
 */
export type Fate = 'as it is' | 'deleted' | 'none' | Uint8Array

/**
 * A row that is not wanted is deleted whether the sink has it or not, since nobody knows: what the row was before may be
 * compacted away, and written twice. A sink that keeps every change is spared the deletes of rows that, by what the change
 * itself tells, were not wanted before either. A row of which a cell that the condition hangs on is absent is no reason
 * for either: the whole row follows once it is known.
 */
export function fateOf(change: ChangeView, { judge, transformed }: TableShape, keepsHistory: boolean): Fate {
  if (judge === undefined && transformed === undefined) return 'as it is'
  const { kind } = change
  const wasWanted = (): boolean => {
    if (judge === undefined || !change.hasBefore) return true
    const truth = judge(new RowBefore(change))
    return truth === true || truth === undefined
  }
  if (kind === 'd') return !keepsHistory || wasWanted() ? 'as it is' : 'none'
  const truth = judge === undefined ? true : judge(new RowNow(change))
  if (truth === true) {
    if (transformed === undefined) return 'as it is'
    // A function is given whole rows alone.
    if (!change.complete) return 'none'
    const cells = transformed.cells(change)
    if (cells !== undefined) return cells
  }
  if (truth === undefined || kind === 'm' || change.key.length === 0) return 'none'
  if (!keepsHistory) return 'deleted'
  const isNew = kind === 'c' || change.moved !== undefined
  return isNew || !wasWanted() ? 'none' : 'deleted'
}

class RowNow implements Row {
  readonly #change: ChangeView

  constructor(change: ChangeView) {
    this.#change = change
  }

  value(column: number): string | null | undefined {
    const text = this.#change.text(column)
    return text === null && this.#change.tag(column) === CellTag.absent ? undefined : text
  }
}

class RowBefore implements Row {
  readonly #change: ChangeView

  constructor(change: ChangeView) {
    this.#change = change
  }

  value(column: number): string | null | undefined {
    return this.#change.before(column)
  }
}
