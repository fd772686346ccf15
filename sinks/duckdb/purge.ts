import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import type { RowKey, SinkContext, Table } from '../../runtime/contract.ts'
import { ownTables } from './catalog.ts'
import { Database } from './database.ts'
import { type Files, GENERATIONS, hasTable, ownersOf, removeGeneration } from './generations.ts'
import { isHistory, type Layout, Own } from './layout.ts'
import { createOwnTables } from './owner.ts'
import { rewriteFile } from './rewrite.ts'
import { RowSet } from './row-set.ts'
import { renewCopy } from './snapshots.ts'
import { hasMarks, purgeRows } from './statements.ts'

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

/** Names in the database of the columns that tell the table's rows apart; undefined: the database tells them otherwise. */
function keyNames(layout: Layout, { key, columns }: Table): readonly string[] | undefined {
  const isAny = isHistory(layout)
  if (key.length === 0) return isAny || layout.key.length === 0 ? [Own.log, Own.version] : undefined
  const names = key.flatMap(i => layout.columns.find(({ source }) => source === columns[i]!.name)?.name ?? [])
  const isWhole = names.length === key.length
  return isWhole && (isAny || names.join('\0') === layout.key.join('\0')) ? names : undefined
}

async function deleteRows(
  database: Database,
  layout: Layout,
  names: readonly string[],
  keys: readonly Uint8Array[],
  isMarked: boolean,
): Promise<void> {
  const storages = names.map(name => layout.columns.find(column => column.name === name)!.storage)
  const wanted = new RowSet([...storages, { kind: 'boolean' }])
  for (const key of keys) {
    // What the columns cannot hold they do not have.
    const isHeld = wanted.putCells(key, 0, false) === -1
    wanted.putText(names.length, isHeld ? 't' : 'f')
    wanted.endRow()
  }
  await database.feed.run(wanted, from => database.run(purgeRows(layout, names, from, isMarked)))
}
