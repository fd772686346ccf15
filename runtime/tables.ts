import type { SourceLog, Table } from './contract.ts'
import { TailraceError } from './errors.ts'
import type { TableStatus } from './status.ts'

/** A captured table as `tables` shows it. What is not known is null. */
export interface KnownTable {
  readonly table: string
  /** Names of the key columns, in key order; empty for append-only tables. */
  readonly key: readonly string[]
  readonly rows: number | null
  readonly bytes: number | null
  readonly version: number
  readonly columns: readonly { readonly name: string; readonly type: string }[]
}

/** By name. Those that readers are told of. */
export function newestTables(log: Pick<SourceLog, 'tables'>): Map<string, Table> {
  const newest = new Map<string, Table>()
  for (const table of log.tables().values()) {
    if (table.routed === true) continue
    const other = newest.get(table.name)
    if (other === undefined || other.id < table.id) newest.set(table.name, table)
  }
  return newest
}

/** The tables of a log at their newest version, by name. */
export function knownTables(log: SourceLog, statuses: readonly TableStatus[] = []): KnownTable[] {
  const rows = new Map(statuses.map(status => [status.table, status.rows ?? status.estimatedRows]))
  return [...newestTables(log).values()]
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(table => ({
      table: table.name,
      key: table.key.map(column => table.columns[column]!.name),
      rows: rows.get(table.name) ?? null,
      bytes: null,
      version: table.version,
      columns: table.columns.map(({ name, declared }) => ({ name, type: declared })),
    }))
}

/** The newest version of the table of this full name, and whose it is. Throws UNKNOWN_TABLE. */
export function findTable<S extends { readonly log: SourceLog }>(
  sources: readonly S[],
  name: string,
): { readonly source: S; readonly table: Table } {
  for (const source of sources) {
    const table = newestTables(source.log).get(name)
    if (table !== undefined) return { source, table }
  }
  throw new TailraceError('UNKNOWN_TABLE', 'stop', `There is no table "${name}".`, {
    hint: 'Full names are source.schema.table; tailrace tables lists them.',
  })
}
