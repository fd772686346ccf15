import type { Cursor, LoggedChange, LogSlice, Table } from '../../contract.ts'
import { changes } from '../../record/batch.ts'

/** The newest change of the key in these slices, oldest first; undefined if a truncate of its table came after. */
export function newestIn(
  slices: readonly LogSlice[],
  tables: ReadonlyMap<number, Table>,
  { name, incarnation }: Table,
  key: Uint8Array,
  cursorAt: (offset: number) => Cursor,
): LoggedChange | undefined {
  const isWanted = (table: Table): boolean => table.name === name && table.incarnation === incarnation
  for (const slice of slices.toReversed()) {
    let newest = -1
    let ended = false
    let place = 0
    for (const change of changes([slice], tables, isWanted, cursorAt)) {
      if (change.kind === 't') {
        newest = -1
        ended = true
      } else if (change.kind !== 'm' && change.kind !== 's' && Buffer.compare(change.key, key) === 0) newest = place
      place++
    }
    if (newest !== -1) return viewAt([slice], tables, isWanted, cursorAt, newest)
    if (ended) return undefined
  }
  return undefined
}

/** A view of its own, which nobody moves on. */
function viewAt(
  slices: readonly LogSlice[],
  tables: ReadonlyMap<number, Table>,
  filter: (table: Table) => boolean,
  cursorAt: (offset: number) => Cursor,
  place: number,
): LoggedChange {
  const steps = changes(slices, tables, filter, cursorAt)
  for (let i = 0; i < place; i++) steps.next()
  return steps.next().value as LoggedChange
}
