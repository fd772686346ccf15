import type { Table } from '../../runtime/contract.ts'

/** All versions of a table by its name, in the order they came. */
export type VersionsByName = ReadonlyMap<string, readonly Table[]>

export function byName(tables: Iterable<Table>): VersionsByName {
  const versions = new Map<string, Table[]>()
  for (const table of tables) addByName(versions, table)
  return versions
}

export function addByName(versions: Map<string, Table[]>, table: Table): void {
  const own = versions.get(table.name)
  if (own === undefined) versions.set(table.name, [table])
  else own.push(table)
}
