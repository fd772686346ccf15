import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import type { RowKey, SinkContext, Table } from '../../runtime/contract.ts'
import { ownTables } from '../duckdb-file/catalog.ts'
import { Database } from '../duckdb-file/database.ts'
import { deleteRows, keyNames } from '../duckdb-file/delete-rows.ts'
import { isHistory } from '../duckdb-file/layout.ts'
import { createOwnTables } from '../duckdb-file/owner.ts'
import { rewriteFile } from '../duckdb-file/rewrite.ts'
import { hasMarks } from '../duckdb-file/statements.ts'
import { type Files, GENERATIONS, hasTable, ownersOf, removeGeneration } from './generations.ts'
import { renewCopy } from './snapshots.ts'

/**
 * Writes the file anew with what is in it, then the copy for readers: nothing that was deleted or replaced is left in
 * either. Takes as long as writing the whole file, and as much room.
 */
export async function purge(
  files: Files,
  context: SinkContext,
  rows: readonly RowKey[],
  signal: AbortSignal,
): Promise<string[]> {
  const { path, copy } = files
  if (!existsSync(path)) return []
  {
    await using database = await Database.open(path, files)
    await database.transaction(async () => {
      await createOwnTables(database)
      for (const [table, keyed] of Map.groupBy(rows, row => row.table))
        await forget(
          database,
          context,
          table,
          keyed.map(({ key }) => key),
        )
    }, signal)
    await rewriteFile(database, signal)
  }
  // What a former process has left of what it could not hold in memory, or of a state that was put back.
  for (const suffix of ['.tmp', '.wal.stale']) await rm(`${path}${suffix}`, { recursive: true, force: true })
  if (copy === undefined) return [`rewrote ${path}`]
  await rm(`${copy}.new`, { force: true })
  await using database = await Database.open(path, files)
  await renewCopy(database, copy, context.logger)
  return [`rewrote ${path}`, `rewrote ${copy}`]
}

/** The hidden generations are not told of deletes; the live one keeps rows unless its deletes remove them. */
async function forget(
  database: Database,
  context: SinkContext,
  table: Table,
  keys: readonly Uint8Array[],
): Promise<void> {
  for (const generation of GENERATIONS) {
    const isHidden = generation !== undefined
    for (const { sourceTable, layout } of await ownTables(database, ownersOf(context, generation))) {
      if (sourceTable !== table.name || !(await hasTable(database, layout))) continue
      const names = keyNames(layout, table)
      if (names !== undefined) {
        const isEvery = isHidden || isHistory(layout) || context.onDelete === 'ignore'
        if (isEvery || hasMarks(layout)) await deleteRows(database, layout, names, keys, !isEvery)
      } else if (isHidden) {
        // It is of a former life with another key, by which the rows cannot be found.
        await removeGeneration(database, context, generation)
        break
      }
    }
  }
}
