import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { SinkContext } from '../../runtime/contract.ts'
import { dropTables, ownTables } from '../duckdb-file/catalog.ts'
import { CATALOG, type Database, literal, quote } from '../duckdb-file/database.ts'
import { createTable, type Layout, tableName } from '../duckdb-file/layout.ts'
import { CURSORS, createOwnTables, TABLES } from '../duckdb-file/owner.ts'
import { type Storage, sqlType } from '../duckdb-file/storage.ts'
import { listedFiles, type SetTable } from './manifest.ts'
import { removeOrphans } from './orphans.ts'
import { dropSealed } from './sealed.ts'
import type { Sets } from './sets.ts'
import type { Waiting } from './state.ts'
import { fileType } from './writer.ts'

/**
 * The store is a DuckDB file of this machine that holds what no set has yet (`mode: changes`) or the current rows
 * (`mode: rows`). It counts only as long as it goes on from the set that the manifest lists; otherwise it is made anew
 * from that: empty, or with the rows of the set, and at the set's cursors. So whoever loses or puts back one of the two,
 * the manifest decides.
 */
export async function takeUpStore(
  database: Database,
  sets: Sets,
  context: SinkContext,
  staging: string,
  signal: AbortSignal,
): Promise<void> {
  const { manifest, state } = sets
  await rm(staging, { recursive: true, force: true })
  const known = await database.transaction(async () => {
    await createOwnTables(database)
    await state.create()
    return await state.read()
  }, signal)
  if (known?.intent?.set === manifest.set)
    // The set was published, and the store was not told.
    return database.transaction(async () => {
      await dropSealed(database, known.intent?.sealed)
      await state.stand(manifest.set)
    }, signal)
  if (known?.published === manifest.set) {
    // What was put aside makes the same files once more; of anything else there may be fewer or none.
    if (known.intent !== undefined && known.intent.sealed === undefined)
      await removeOrphans(sets.place, listedFiles(manifest), signal)
    return
  }
  await removeOrphans(sets.place, listedFiles(manifest), signal)
  await database.transaction(async () => {
    await dropSealed(database, known?.intent?.sealed)
    await dropTables(database, { pipeline: context.pipeline, sink: context.name })
    await database.run(`DELETE FROM ${CURSORS} WHERE pipeline = $1 AND sink = $2`, [context.pipeline, context.name])
    if (manifest.mode === 'rows')
      for (const [name, table] of Object.entries(manifest.tables))
        await loadTable(database, sets, { name, table }, context, staging, signal)
    for (const [source, { log, cursor }] of Object.entries(manifest.sources))
      await database.run(`INSERT INTO ${CURSORS} VALUES ($1, $2, $3, $4, $5, 0, now())`, [
        context.pipeline,
        context.name,
        source,
        log,
        cursor,
      ])
    await state.forgetChanged(manifest.set)
    await state.stand(manifest.set)
  }, signal)
}

/** A table of the store with the rows of a set. */
async function loadTable(
  database: Database,
  { place }: Sets,
  { name, table: { layout, incarnation, files } }: { name: string; table: SetTable },
  context: SinkContext,
  staging: string,
  signal: AbortSignal,
): Promise<void> {
  await database.run(`CREATE SCHEMA IF NOT EXISTS ${CATALOG}.${quote(layout.schema)}`)
  await database.run(createTable(layout))
  const columns = layout.columns.map(column => quote(column.name)).join(', ')
  for (const { path } of files) {
    signal.throwIfAborted()
    const file = await place.local(path, join(staging, 'loaded.parquet'), signal)
    await database.run(
      `INSERT INTO ${tableName(layout)} (${columns}) SELECT ${loaded(layout)} FROM read_parquet(${literal(file)}, hive_partitioning = false)`,
    )
  }
  const source = name.slice(0, name.indexOf('.'))
  await database.run(`INSERT INTO ${TABLES} VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, [
    layout.schema,
    layout.table,
    context.pipeline,
    context.name,
    source,
    name,
    BigInt(incarnation),
    JSON.stringify(layout),
  ])
}

function loaded({ columns }: Layout): string {
  return columns
    .map(({ name, storage }) => (isCast(storage) ? `${quote(name)}::${sqlType(storage)}` : quote(name)))
    .join(', ')
}

function isCast(storage: Storage): boolean {
  return fileType(storage) !== sqlType(storage)
}

/** What the store has that the set has not. */
export async function waiting(database: Database, sets: Sets, context: SinkContext): Promise<Waiting> {
  const { manifest, state } = sets
  const owner = { pipeline: context.pipeline, sink: context.name }
  return database.exclusive(async () => {
    const isBegun = (await state.read())?.intent !== undefined
    let rows = 0
    if (manifest.mode === 'changes')
      for (const { layout } of await ownTables(database, owner)) {
        const [row] = await database.query(`SELECT count(*) AS rows FROM ${tableName(layout)}`)
        rows += Number(row?.rows)
      }
    return { rows, isBegun, tables: await state.changed() }
  })
}
