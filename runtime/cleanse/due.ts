import type { Table } from '../contract.ts'

/** A table some of whose columns stood in the clear before they were masked or excluded. */
export interface DueTable {
  /** Its newest version. */
  readonly table: Table
  readonly columns: readonly string[]
  /** Some of them are excluded: a sink that has the column keeps what it holds in it. */
  readonly isExcluded: boolean
}

/**
 * The tables of a log of which older versions show what the newest hides. `cleansed`: by name, the version of a table that
 * was the newest when nothing of that was left.
 */
export function dueTables(tables: Iterable<Table>, cleansed: ReadonlyMap<string, number>): DueTable[] {
  return [...Map.groupBy(tables, ({ name }) => name).values()].flatMap(versions => {
    const newest = versions.reduce((a, b) => (b.id > a.id ? b : a))
    // No row of an outbox was ever shown.
    if (newest.routed === true) return []
    const since = cleansed.get(newest.name) ?? 0
    if (newest.id === since) return []
    const clear = new Set(
      versions
        .filter(({ id }) => id >= since && id !== newest.id)
        .flatMap(({ columns }) => columns.filter(({ masked }) => masked !== true).map(({ name }) => name)),
    )
    const excluded = (newest.excluded ?? []).filter(name => clear.has(name))
    const masked = newest.columns.filter(({ name, masked }) => masked === true && clear.has(name))
    const columns = [...excluded, ...masked.map(({ name }) => name)]
    return columns.length === 0 ? [] : [{ table: newest, columns, isExcluded: excluded.length > 0 }]
  })
}
