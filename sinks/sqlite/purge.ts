import { existsSync } from 'node:fs'
import type { Generation, RowKey, SinkContext, Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { Catalog } from './catalog.ts'
import { CursorRow } from './cursor-row.ts'
import { Database, quote } from './database.ts'
import { GENERATIONS, isThere, removeGeneration, tablesOf } from './generations.ts'
import { keyValuesOf } from './key-values.ts'
import { hasMarks, isLive, type Layout, placesOf } from './layout.ts'
import { rebuildSearch, SearchIndex, searchName } from './search.ts'

/**
 * Rewrites the file until nothing that was deleted or replaced is left in it, its write-ahead log or the search indexes.
 * Takes as long as writing it anew, and as much room.
 */
export function purge(path: string, context: SinkContext, rows: readonly RowKey[], signal: AbortSignal): string[] {
  if (!existsSync(path)) return []
  using database = new Database(path)
  database.transaction(() => {
    CursorRow.create(database)
    Catalog.create(database)
    for (const [table, keyed] of Map.groupBy(rows, row => row.table))
      forget(
        database,
        context,
        table,
        keyed.map(({ key }) => key),
      )
    for (const generation of GENERATIONS)
      for (const { layout } of tablesThere(database, context, generation)) rebuildSearch(database, layout)
    forgetSamples(database)
  })
  signal.throwIfAborted()
  database.read(() => rewrite(database))
  return [`rewrote ${path}`]
}

/** Without those that were dropped by hand. */
function tablesThere(
  database: Database,
  context: SinkContext,
  generation: Generation | undefined,
): ReturnType<typeof tablesOf> {
  return tablesOf(database, context, generation).filter(({ layout: { name, search } }) => {
    return isThere(database, name) && (search.length === 0 || isThere(database, searchName(name)))
  })
}

/** The hidden generations are not told of deletes; the live one keeps rows unless its deletes remove them. */
function forget(database: Database, context: SinkContext, table: Table, keys: readonly Uint8Array[]): void {
  for (const generation of GENERATIONS) {
    const isHidden = generation !== undefined
    for (const { sourceTable, layout } of tablesThere(database, context, generation)) {
      if (sourceTable !== table.name) continue
      if (hasKeyOf(layout, table)) {
        if (isHidden || context.onDelete === 'ignore') deleteRows(database, layout, table, keys, 'true')
        else if (hasMarks(layout)) deleteRows(database, layout, table, keys, `NOT ${isLive(layout)}`)
      } else if (isHidden) {
        // It is of a former life with another key, by which the rows cannot be found.
        removeGeneration(database, context, generation)
        break
      }
    }
  }
}

function hasKeyOf(layout: Layout, table: Table): boolean {
  const places = placesOf(layout, table)
  return table.key.length === 0
    ? layout.key.every(name => layout.columns.some(column => column.name === name && column.source === undefined))
    : table.key.map(i => places[i]?.name).join('\0') === layout.key.join('\0')
}

function deleteRows(
  database: Database,
  layout: Layout,
  table: Table,
  keys: readonly Uint8Array[],
  condition: string,
): void {
  const valuesOf = keyValuesOf(table, placesOf(layout, table))
  const index = layout.search.length === 0 ? undefined : new SearchIndex(database, layout)
  const isKey = layout.key.map(name => `${quote(name)} = ?`).join(' AND ')
  const remove = database.prepare(`DELETE FROM ${quote(layout.name)} WHERE ${isKey} AND ${condition}`)
  for (const key of keys) {
    const values = valuesOf(key)
    const row = index?.find(values)
    if (remove.run(...values).changes !== 0 && row !== undefined) index!.remove(row.rowid)
  }
}

/** What ANALYZE has kept of values, in builds of SQLite that keep any. */
function forgetSamples(database: Database): void {
  const samples = database.prepare("SELECT name FROM sqlite_schema WHERE name IN ('sqlite_stat3', 'sqlite_stat4')")
  for (const { name } of samples.all()) database.exec(`DELETE FROM ${quote(String(name))}`)
}

function rewrite(database: Database): void {
  database.exec('VACUUM')
  const { busy } = database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get()!
  if (busy === 0) return
  throw new TailraceError('TARGET_BUSY', 'retry', `Another program reads ${database.path} as it was before.`, {
    hint: 'End its read transaction: what is deleted is in the file until then.',
  })
}
