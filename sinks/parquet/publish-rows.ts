import { crashPoint } from '../../runtime/crash.ts'
import { ownTables } from '../duckdb-file/catalog.ts'
import { quote } from '../duckdb-file/database.ts'
import { rowKey, tableName } from '../duckdb-file/layout.ts'
import { CURSORS } from '../duckdb-file/owner.ts'
import type { SetTable } from './manifest.ts'
import { rowsPath } from './paths.ts'
import { nextTable, ownerOf, type Publishing, partitionOf, removeReplaced } from './publishing.ts'
import { cursorsOf } from './state.ts'
import { Writer } from './writer.ts'

/**
 * A new set of the current rows, as one moment between two transactions has them: files anew of the tables that changed,
 * the others keep theirs. `takeChanged` is asked for their full names at that moment,
 * and told of the set. Rows are written on meanwhile.
 */
export async function publishRows(
  publishing: Publishing,
  takeChanged: (set: string) => ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  const { database, sets } = publishing
  const owner = ownerOf(publishing)
  const intent = sets.intent()
  await database.transaction(() => sets.state.intend(intent), signal)
  using reader = await database.reader(signal)
  const { sources, stored, changed } = await database.exclusive(async () => {
    await reader.begin()
    await reader.all(`SELECT count(*) FROM ${CURSORS}`)
    return {
      sources: await cursorsOf(database, owner),
      stored: await ownTables(database, owner),
      changed: takeChanged(intent.set),
    }
  })
  crashPoint('parquet.sealed')
  const writer = new Writer(reader, sets.place, publishing)
  const tables: Record<string, SetTable> = {}
  for (const own of stored) {
    const { sourceTable, layout } = own
    const before = sets.manifest.tables[sourceTable]
    if (before?.incarnation === own.incarnation && !changed.has(sourceTable)) {
      tables[sourceTable] = before
      continue
    }
    const { table } = nextTable(publishing, own, undefined)
    const partition = partitionOf(publishing, sourceTable, layout)
    const path = rowsPath(table.folder, intent.sequence)
    // Sorted they take a third of the bytes, and readers pass over more of them.
    const order = rowKey(layout).map(quote)
    const files = await writer.write({ layout, from: tableName(layout), order, partition, schema: 0, path }, signal)
    tables[sourceTable] = { ...table, files }
  }
  const gone = await removeReplaced(publishing, signal)
  const settle = (): Promise<void> => sets.state.forgetChanged(intent.set)
  await sets.publish(intent, { sources, tables, gone, settle }, signal)
}
