import type { Table } from '../../runtime/contract.ts'
import type { Database } from './database.ts'
import { isHistory, type Layout, Own } from './layout.ts'
import { RowSet } from './row-set.ts'
import { purgeRows } from './statements.ts'

/** Names in the database of the columns that tell the table's rows apart; undefined: the database tells them otherwise. */
export function keyNames(layout: Layout, { key, columns }: Table): readonly string[] | undefined {
  const isAny = isHistory(layout)
  if (key.length === 0) return isAny || layout.key.length === 0 ? [Own.log, Own.version] : undefined
  const names = key.flatMap(i => layout.columns.find(({ source }) => source === columns[i]!.name)?.name ?? [])
  const isWhole = names.length === key.length
  return isWhole && (isAny || names.join('\0') === layout.key.join('\0')) ? names : undefined
}

/** The keys, and behind each whether the columns can hold it: what they cannot hold they do not have. */
export function keySet(layout: Layout, names: readonly string[], keys: readonly Uint8Array[]): RowSet {
  const storages = names.map(name => layout.columns.find(column => column.name === name)!.storage)
  const wanted = new RowSet([...storages, { kind: 'boolean' }])
  for (const key of keys) {
    const isHeld = wanted.putCells(key, 0, false) === -1
    wanted.putText(names.length, isHeld ? 't' : 'f')
    wanted.endRow()
  }
  return wanted
}

export async function deleteRows(
  database: Database,
  layout: Layout,
  names: readonly string[],
  keys: readonly Uint8Array[],
  isMarked: boolean,
): Promise<void> {
  const wanted = keySet(layout, names, keys)
  await database.feed.run(wanted, from => database.run(purgeRows(layout, names, from, isMarked)))
}
