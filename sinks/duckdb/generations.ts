import { existsSync } from 'node:fs'
import type { Generation, SinkContext } from '../../runtime/contract.ts'
import { crashPoint } from '../../runtime/crash.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { generationOwner, generationPrefix } from '../../runtime/generation.ts'
import { demandFree, dropTables, type Owners, ownTables } from '../duckdb-file/catalog.ts'
import { CATALOG, Database, type DatabaseOptions, quote } from '../duckdb-file/database.ts'
import { type Layout, tableName } from '../duckdb-file/layout.ts'
import { CURSORS, createOwnTables, TABLES } from '../duckdb-file/owner.ts'
import { isCopyOld, renewCopy } from './snapshots.ts'
import { dropUserIndexes, makeUserIndexes, type UserIndex, withNamesOf } from './user-indexes.ts'

/**
 * A generation is one more owner of rows in the sink's own tables, with hidden tables in the same schemas: readers of the
 * live names come upon none of it. To change places is to rename, all in one transaction.
 */
export const GENERATIONS: readonly (Generation | undefined)[] = [undefined, 'next', 'previous']

export interface Files extends DatabaseOptions {
  readonly path: string
  /** The one for readers. */
  readonly copy: string | undefined
}

/**
 * `next` becomes live, what was live becomes `previous`, and readers get a copy of it. Nothing happens without a `next`,
 * but that a copy of what was live before is made anew. Throws TARGET_TAKEN.
 */
export async function swap(files: Files, context: SinkContext, signal: AbortSignal): Promise<void> {
  const { path, copy } = files
  if (!existsSync(path)) return
  await using database = await Database.open(path, files)
  const unfit = new Map<string, string>()
  const isDone = await withNamesOf(database, async () => {
    for (;;) {
      const known = unfit.size
      try {
        return await changePlaces(database, () => swapIn(database, context, unfit), signal)
      } catch (error) {
        // An index that is refused has ended the transaction: once more without it.
        if (unfit.size === known) throw error
      }
    }
  })
  crashPoint('duckdb.swapped')
  for (const [index, reason] of unfit)
    context.logger.warn({ sink: context.name, index, reason }, 'an index on a table could not be kept')
  if (copy !== undefined && (isDone || (await isCopyOld(database, copy, ownersOf(context, undefined)))))
    await renewCopy(database, copy, context.logger)
}

async function swapIn(database: Database, context: SinkContext, unfit: Map<string, string>): Promise<boolean> {
  if (!(await hasCursors(database, context, 'next'))) return false
  await demandTables(database, context, 'next')
  await removeGeneration(database, context, 'previous')
  const indexes = await move(database, context, undefined, 'previous')
  await move(database, context, 'next', undefined)
  await fence(database, context)
  await makeUserIndexes(database, indexes, unfit)
  return true
}

/** `previous` becomes `next`. False if there is none. */
export async function recall(files: Files, context: SinkContext, signal: AbortSignal): Promise<boolean> {
  if (!existsSync(files.path)) return false
  await using database = await Database.open(files.path, files)
  const work = async (): Promise<boolean> => {
    if (!(await hasCursors(database, context, 'previous'))) return false
    await removeGeneration(database, context, 'next')
    await move(database, context, 'previous', 'next')
    await fence(database, context)
    return true
  }
  return await changePlaces(database, work, signal)
}

export async function drop(
  files: Files,
  context: SinkContext,
  generation: Generation,
  signal: AbortSignal,
): Promise<void> {
  if (!existsSync(files.path)) return
  await using database = await Database.open(files.path, files)
  await changePlaces(database, () => removeGeneration(database, context, generation), signal)
}

/** Drops its tables and cursors, and answers the names of the tables. In a transaction. */
export async function removeGeneration(
  database: Database,
  context: SinkContext,
  generation: Generation | undefined,
): Promise<string[]> {
  const owners = ownersOf(context, generation)
  await database.run(`DELETE FROM ${CURSORS} WHERE pipeline = $1 AND sink = $2`, [owners.pipeline, owners.sink])
  return dropTables(database, owners)
}

/** All sources of a generation. */
export function ownersOf(context: SinkContext, generation: Generation | undefined): Owners {
  return { pipeline: context.pipeline, sink: generationOwner(context.name, generation) }
}

function changePlaces<T>(database: Database, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  return database.transaction(async () => {
    await createOwnTables(database)
    return work()
  }, signal)
}

async function hasCursors(database: Database, context: SinkContext, generation: Generation): Promise<boolean> {
  const { pipeline, sink } = ownersOf(context, generation)
  const found = `SELECT 1 FROM ${CURSORS} WHERE pipeline = $1 AND sink = $2 LIMIT 1`
  return (await database.query(found, [pipeline, sink])).length > 0
}

/** What is to become live must be whole. */
async function demandTables(database: Database, context: SinkContext, generation: Generation): Promise<void> {
  for (const { sourceTable, layout } of await ownTables(database, ownersOf(context, generation)))
    if (!(await hasTable(database, layout)))
      throw new TailraceError('SINK_RESTORED', 'retry', `The rows built for ${sourceTable} were removed by hand.`, {
        hint: 'They are built again.',
      })
}

/**
 * Tables and cursors of one generation become those of another, of which there is nothing any more. Indexes of users
 * hinder that: they are dropped and answered.
 */
async function move(
  database: Database,
  context: SinkContext,
  from: Generation | undefined,
  to: Generation | undefined,
): Promise<UserIndex[]> {
  const formerly = ownersOf(context, from)
  const { sink } = ownersOf(context, to)
  const indexes: UserIndex[] = []
  for (const { layout } of await ownTables(database, formerly)) {
    const { schema, table } = layout
    const name = prefixOf(to) + table.slice(prefixOf(from).length)
    // One that was dropped by hand is missed by whoever opens the generation.
    if (await hasTable(database, layout)) {
      indexes.push(...(await dropUserIndexes(database, layout)))
      await demandFree(database, { schema, table: name })
      await database.run(`ALTER TABLE ${tableName(layout)} RENAME TO ${quote(name)}`)
    }
    await database.run(
      `UPDATE ${TABLES} SET table_name = $3, sink = $4, layout = $5 WHERE schema_name = $1 AND table_name = $2`,
      [schema, table, name, sink, JSON.stringify({ ...layout, table: name })],
    )
  }
  const { pipeline } = formerly
  await database.run(`UPDATE ${CURSORS} SET sink = $3 WHERE pipeline = $1 AND sink = $2`, [
    pipeline,
    formerly.sink,
    sink,
  ])
  return indexes
}

function prefixOf(generation: Generation | undefined): string {
  return generationPrefix(generation === undefined ? {} : { generation })
}

export async function hasTable(database: Database, { schema, table }: Layout): Promise<boolean> {
  const found = await database.query(
    `SELECT 1 FROM duckdb_tables() WHERE database_name = '${CATALOG}' AND schema_name = $1 AND table_name = $2`,
    [schema, table],
  )
  return found.length > 0
}

/** Whoever has opened any generation before may write no more: its epoch has passed. */
async function fence(database: Database, context: SinkContext): Promise<void> {
  const sinks = GENERATIONS.map(generation => ownersOf(context, generation).sink)
  const own = 'pipeline = $1 AND sink IN ($2, $3, $4)'
  const values = [context.pipeline, ...sinks]
  const newest = `SELECT source, max(epoch) AS epoch FROM ${CURSORS} WHERE ${own} GROUP BY source`
  for (const { source, epoch } of await database.query(newest, values))
    await database.run(`UPDATE ${CURSORS} SET epoch = $5 WHERE ${own} AND source = $6`, [
      ...values,
      (epoch as bigint) + 1n,
      source!,
    ])
}
