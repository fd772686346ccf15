import type { Table } from '../../../runtime/contract.ts'
import type { Major } from '../cached-postgres.ts'
import { column, table } from '../scripted-log.ts'
import type { Place } from './sink-forms.ts'
import type { TypeCase, Value } from './type-case.ts'

/** One table has a column per type, c0, c1 and so on behind `id`, and a row per value, null in all other columns. */
export interface Entry {
  readonly of: TypeCase
  /** Place of the type's column behind `id`. */
  readonly column: number
  readonly value: Value
}

/** In row order, the id of a row being its place. The row behind them is null everywhere. */
export function entriesOf(cases: readonly TypeCase[], major: Major): Entry[] {
  return cases.flatMap((of, i) =>
    of.values.filter(({ since }) => since <= major).map(value => ({ of, column: i, value })),
  )
}

/** Where they are, if their rows begin with these ids. */
export function placesOf(entries: readonly Entry[], firsts: readonly number[]): Place[] {
  return firsts.flatMap(first => entries.map(({ column }, i) => ({ row: first + i, column })))
}

/** The table as the log knows it. */
export function typedTable(cases: readonly TypeCase[]): Table {
  return table(1, 'public.types', [
    column('id', { kind: 'int32' }, 'integer'),
    ...cases.map(({ type, logical }, i) => column(`c${i}`, logical, type)),
  ])
}
