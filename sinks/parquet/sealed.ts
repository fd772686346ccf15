import { ownTables } from '../duckdb-file/catalog.ts'
import { type Database, quote } from '../duckdb-file/database.ts'
import { createTable, type Layout, tableName } from '../duckdb-file/layout.ts'
import { cursorsOf, type Intent, type Owned, type Sealed, type SetState } from './state.ts'

/**
 * Changes that are to become files are put aside whole: the table they came into gets another name, and an empty one
 * takes its place. What is written to files is then the same however often it is begun.
 */

const PREFIX = '_tailrace_sealed_'

/** The table under the name that it has once it is put aside. */
export function sealedLayout(layout: Layout): Layout {
  return { ...layout, table: PREFIX + layout.table }
}

/** Puts all changes aside that no set has; undefined: there are none. In a transaction. */
export async function seal(
  database: Database,
  state: SetState,
  owner: Owned,
  intent: Intent,
): Promise<(Intent & { readonly sealed: Sealed }) | undefined> {
  const tables = []
  for (const own of await ownTables(database, owner)) {
    const { layout } = own
    const found = await database.query(`SELECT 1 FROM ${tableName(layout)} LIMIT 1`)
    if (found.length === 0) continue
    await database.run(`ALTER TABLE ${tableName(layout)} RENAME TO ${quote(sealedLayout(layout).table)}`)
    await database.run(createTable(layout))
    tables.push(own)
  }
  if (tables.length === 0) return undefined
  const sealing = { ...intent, sealed: { sources: await cursorsOf(database, owner), tables } }
  await state.intend(sealing)
  return sealing
}

/** In a transaction. */
export async function dropSealed(database: Database, sealed: Sealed | undefined): Promise<void> {
  for (const { layout } of sealed?.tables ?? [])
    await database.run(`DROP TABLE IF EXISTS ${tableName(sealedLayout(layout))}`)
}
