import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { RowKey, Table } from '../../runtime/contract.ts'
import { crashPoint } from '../../runtime/crash.ts'
import { ownTables } from '../duckdb-file/catalog.ts'
import { Database, literal, quote } from '../duckdb-file/database.ts'
import { deleteRows, keyNames, keySet } from '../duckdb-file/delete-rows.ts'
import type { Layout } from '../duckdb-file/layout.ts'
import { rewriteFile } from '../duckdb-file/rewrite.ts'
import { hasMarks } from '../duckdb-file/statements.ts'
import { sqlType } from '../duckdb-file/storage.ts'
import { listedFiles, type Mode, type SetFile, type SetTable } from './manifest.ts'
import type { StoreFiles } from './options.ts'
import { removeOrphans } from './orphans.ts'
import { rewrittenPath } from './paths.ts'
import type { Place } from './place.ts'
import { publishChanges } from './publish-changes.ts'
import { publishRows } from './publish-rows.ts'
import { ownerOf, type Publishing } from './publishing.ts'
import { sealedLayout } from './sealed.ts'
import { Sets } from './sets.ts'
import { takeUpStore } from './store.ts'

interface PurgeOptions extends Omit<Publishing, 'database' | 'sets'> {
  readonly files: StoreFiles
  readonly mode: Mode
  readonly place: Place
  readonly tables: readonly Table[]
  readonly rows: readonly RowKey[]
}

/**
 * Writes anew what has these rows: of a history the files with changes of their keys, of current rows those of the
 * tables; then the store. Files that were replaced go at once, whoever reads them. After a crash in the middle it is to
 * be called again.
 */
export async function purge(options: PurgeOptions, signal: AbortSignal): Promise<string[]> {
  const { place, files, context, mode, staging } = options
  if ((await place.read(signal)) === undefined) return []
  const done: string[] = []
  {
    await using database = await Database.open(files.path, files)
    const sets = await Sets.open(place, database, context, mode, signal)
    await takeUpStore(database, sets, context, staging, signal)
    const publishing: Publishing = { ...options, database, sets }
    await purgeStore(publishing, options, signal)
    const purged = new Set(options.tables.map(({ name }) => name))
    if (mode === 'changes') {
      await publishChanges(publishing, signal)
      await purgeHistory(publishing, options.rows, signal)
    } else {
      const changed = await database.exclusive(() => sets.state.changed())
      await publishRows(publishing, () => new Set([...purged, ...changed]), signal)
    }
    await removeReplaced(publishing, signal)
    await removeOrphans(place, listedFiles(sets.manifest), signal)
    for (const name of purged)
      if (sets.manifest.tables[name] !== undefined) done.push(`rewrote ${name} in ${place.name}`)
    await rewriteFile(database, signal)
  }
  // What a former process has left of what it could not hold in memory, or of a state that was put back.
  for (const suffix of ['.tmp', '.wal.stale']) await rm(`${files.path}${suffix}`, { recursive: true, force: true })
  await rm(staging, { recursive: true, force: true })
  done.push(`rewrote ${files.path}`)
  return done
}

/** Current rows that are there came later, unless deletes leave rows. */
async function purgeStore(publishing: Publishing, { rows, mode }: PurgeOptions, signal: AbortSignal): Promise<void> {
  const { database, context, sets } = publishing
  const { onDelete } = context
  await database.transaction(async () => {
    const sealed = (await sets.state.read())?.intent?.sealed?.tables ?? []
    const all = await ownTables(database, ownerOf(publishing))
    all.push(...sealed.map(own => ({ ...own, layout: sealedLayout(own.layout) })))
    for (const [table, keyed] of Map.groupBy(rows, row => row.table))
      for (const { sourceTable, layout } of all) {
        const names = sourceTable === table.name ? keyNames(layout, table) : undefined
        if (names === undefined) continue
        const isEvery = mode === 'changes' || onDelete === 'ignore'
        const keys = keyed.map(({ key }) => key)
        if (isEvery || hasMarks(layout)) await deleteRows(database, layout, names, keys, !isEvery)
      }
  }, signal)
}

async function purgeHistory(publishing: Publishing, rows: readonly RowKey[], signal: AbortSignal): Promise<void> {
  const { database, sets } = publishing
  const { manifest } = sets
  const intent = sets.intent()
  await database.transaction(() => sets.state.intend(intent), signal)
  const tables: Record<string, SetTable> = { ...manifest.tables }
  let isSame = true
  for (const [table, keyed] of Map.groupBy(rows, row => row.table)) {
    const before = tables[table.name]
    const names = before === undefined ? undefined : keyNames(before.layout, table)
    if (before === undefined || names === undefined) continue
    const keys = keyed.map(({ key }) => key)
    const files: SetFile[] = []
    for (const file of before.files) {
      signal.throwIfAborted()
      const rewritten = await rewriteOne(publishing, before.layout, names, keys, file, signal)
      if (rewritten !== file) isSame = false
      if (rewritten !== undefined) files.push(rewritten)
    }
    tables[table.name] = { ...before, files }
  }
  if (isSame) return
  await sets.publish(intent, { sources: manifest.sources, tables, gone: new Set() }, signal)
}

/** The file without these rows: itself if it has none of them, undefined if it has nothing else. */
async function rewriteOne(
  { database, sets, staging, compression }: Publishing,
  layout: Layout,
  names: readonly string[],
  keys: readonly Uint8Array[],
  file: SetFile,
  signal: AbortSignal,
): Promise<SetFile | undefined> {
  await rm(staging, { recursive: true, force: true })
  await mkdir(staging, { recursive: true, mode: 0o700 })
  const local = await sets.place.local(file.path, join(staging, 'read.parquet'), signal)
  const read = `read_parquet(${literal(local)}, hive_partitioning = false)`
  const wanted = keySet(layout, names, keys)
  const isKey = [`b.c${names.length}`, ...names.map((name, i) => `${keyColumn(layout, name)} = b.c${i}`)].join(' AND ')
  const made = join(staging, 'written.parquet')
  const rows = await database.exclusive(() =>
    database.feed.run(wanted, async from => {
      const isPurged = `EXISTS (SELECT 1 FROM ${from} AS b WHERE ${isKey})`
      const [found] = await database.query(`SELECT count(*) AS rows FROM ${read} AS t WHERE ${isPurged}`)
      if (Number(found?.rows) === 0) return undefined
      const target = `${literal(made)} (FORMAT parquet, COMPRESSION ${compression})`
      return await database.run(`COPY (SELECT * FROM ${read} AS t WHERE NOT ${isPurged}) TO ${target}`)
    }),
  )
  if (rows === undefined) return file
  if (rows === 0) return undefined
  const path = rewrittenPath(file.path, sets.manifest.sequence + 1)
  const { size: bytes } = await stat(made)
  await sets.place.put(made, path, signal)
  crashPoint('parquet.put')
  return { ...file, path, rows, bytes }
}

/** Now, whoever reads them. */
async function removeReplaced({ sets, database }: Publishing, signal: AbortSignal): Promise<void> {
  const { sources, tables, replaced } = sets.manifest
  if (replaced.length === 0) return
  const gone = replaced.map(({ path }) => path)
  await sets.place.remove(gone, signal)
  const intent = sets.intent()
  await database.transaction(() => sets.state.intend(intent), signal)
  await sets.publish(intent, { sources, tables, gone: new Set(gone) }, signal)
}

/** As the store's column would have it: a file may be older than a column's type. */
function keyColumn({ columns }: Layout, name: string): string {
  return `t.${quote(name)}::${sqlType(columns.find(column => column.name === name)!.storage)}`
}
