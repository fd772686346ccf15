import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Purge, SinkContext, Table } from '../../runtime/contract.ts'
import { fileError, sync } from '../common/files.ts'
import { currentLines } from './current-lines.ts'
import { readOwn, type Stored } from './cursor-file.ts'
import { filterFile, isEventOf } from './filter.ts'
import { KeyParts, type StateRow } from './fold.ts'
import { keyOfLines } from './lines.ts'
import { TableFolder } from './table-folder.ts'

/**
 * Writes the files of these tables anew without lines of these rows. Of the current rows that leaves the last line of each
 * key; a history loses the lines of these keys and keeps all others. After a crash in the middle it is to be called again.
 */
export async function purge(
  path: string,
  options: { readonly mode: 'changes' | 'state'; readonly fileBytes: number },
  context: SinkContext,
  { tables, rows }: Purge,
  signal: AbortSignal,
): Promise<string[]> {
  const done = new Set<string>()
  try {
    for (const table of tables) {
      const own = await readOwn(path, context, table.source)
      const place = own?.tables[table.name]
      if (own === undefined || place === undefined || !existsSync(join(path, place.folder))) continue
      const keys = rows.flatMap(row => (row.table.name === table.name ? [row.key] : []))
      const folder = await TableFolder.open(join(path, place.folder), options.fileBytes, own.stored)
      if (options.mode === 'changes' && keys.length === 0) continue
      if (options.mode === 'changes') await filterHistory(folder, table, keys, signal)
      else await fold(folder, own.stored, table, keys, context, signal)
      done.add(`rewrote ${folder.path}`)
    }
  } catch (error) {
    signal.throwIfAborted()
    throw fileError(error, path)
  }
  return [...done]
}

async function filterHistory(
  folder: TableFolder,
  table: Table,
  keys: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<void> {
  const isPurged = isEventOf(table, keys)
  for (const part of folder.parts()) await filterFile(part, line => !isPurged(line), signal)
  await sync(folder.path)
}

/** Rows that are there under these keys came later, unless deletes leave rows. */
async function fold(
  folder: TableFolder,
  { batch, log, cursor }: Stored,
  table: Table,
  keys: readonly Uint8Array[],
  { onDelete }: SinkContext,
  signal: AbortSignal,
): Promise<void> {
  const purged = new Set(keys.map(key => keyOfLines(table, key)))
  const keeps = ({ key, deleted }: StateRow): boolean => !purged.has(key) || !(deleted || onDelete === 'ignore')
  let live = 0
  const count = (kept: number): void => {
    live += kept
  }
  await using parts = await KeyParts.of(folder.parts(), join(folder.path, 'scratch.tmp'), signal)
  const lines = currentLines(parts, keeps, count, signal)
  await folder.replace(lines, () => ({ batch, log, cursor: cursor ?? '', lines: live, dead: 0 }))
  await folder.close()
}
