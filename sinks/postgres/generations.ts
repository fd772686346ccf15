import type { Generation, SinkContext } from '../../runtime/contract.ts'
import { crashPoint } from '../../runtime/crash.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { generationOwner } from '../../runtime/generation.ts'
import type { ServerAddress } from '../../runtime/server-address.ts'
import { demandFree, dropTables, hasTable, type Owners, ownTables } from './catalog.ts'
import { Connection } from './connection.ts'
import { type Layout, nameIn, quote, tableName } from './layout.ts'
import { takeLock } from './lock.ts'
import { CURSORS, hasOwnTables, lockTables, TABLES } from './owner.ts'
import { databaseError } from './server-error.ts'
import { copyUserParts, type UserParts } from './user-parts.ts'

/**
 * A generation is one more owner of rows in the sink's own tables, with hidden tables in the same schemas: readers of the
 * live names come upon none of it. To change places is to rename, all in one transaction.
 */
export const GENERATIONS: readonly (Generation | undefined)[] = [undefined, 'next', 'previous']

/**
 * `next` becomes live, what was live becomes `previous`. Nothing happens without a `next`. What users have put on a table
 * goes over to the one that takes its place. Throws TARGET_TAKEN, SINK_DEPENDENTS.
 */
export async function swap(address: ServerAddress, context: SinkContext, signal: AbortSignal): Promise<void> {
  await changePlaces(address, context, signal, async connection => {
    if (!(await hasCursors(connection, context, 'next'))) return
    await demandTables(connection, context, 'next')
    await removeGeneration(connection, context, 'previous')
    const parts = await userParts(connection, context)
    await move(connection, context, undefined, 'previous')
    await move(connection, context, 'next', undefined)
    for (const each of parts) await each.settle()
    await fence(connection, context)
    crashPoint('postgres.applied')
  })
}

/** `previous` becomes `next`. False if there is none. */
export async function recall(address: ServerAddress, context: SinkContext, signal: AbortSignal): Promise<boolean> {
  const isDone = await changePlaces(address, context, signal, async connection => {
    if (!(await hasCursors(connection, context, 'previous'))) return false
    await removeGeneration(connection, context, 'next')
    await move(connection, context, 'previous', 'next')
    await fence(connection, context)
    return true
  })
  return isDone === true
}

export async function drop(
  address: ServerAddress,
  context: SinkContext,
  generation: Generation,
  signal: AbortSignal,
): Promise<void> {
  await changePlaces(address, context, signal, connection => removeGeneration(connection, context, generation))
}

/** Drops its tables and cursors, and answers the names of the tables. In a transaction. */
export async function removeGeneration(
  connection: Connection,
  context: SinkContext,
  generation: Generation | undefined,
): Promise<string[]> {
  const owners = ownersOf(context, generation)
  await connection.change(`DELETE FROM ${CURSORS} WHERE pipeline = $1 AND sink = $2`, [owners.pipeline, owners.sink])
  return await dropTables(connection, owners)
}

/** All sources of a generation. */
export function ownersOf(context: SinkContext, generation: Generation | undefined): Owners {
  return { pipeline: context.pipeline, sink: generationOwner(context.name, generation) }
}

/**
 * One transaction at a target that none of the sink's sessions writes to: those of processes that stand still are ended.
 * Undefined where the sink has left nothing.
 */
export async function changePlaces<T>(
  address: ServerAddress,
  context: SinkContext,
  signal: AbortSignal,
  work: (connection: Connection) => Promise<T>,
): Promise<T | undefined>
/** `after`: what is then done to it, in no transaction. */
export async function changePlaces<T, U>(
  address: ServerAddress,
  context: SinkContext,
  signal: AbortSignal,
  work: (connection: Connection) => Promise<T>,
  after: (connection: Connection, done: T) => Promise<U>,
): Promise<U | undefined>
export async function changePlaces<T, U>(
  address: ServerAddress,
  context: SinkContext,
  signal: AbortSignal,
  work: (connection: Connection) => Promise<T>,
  after?: (connection: Connection, done: T) => Promise<U>,
): Promise<T | U | undefined> {
  using connection = await Connection.open(address, `tailrace ${context.pipeline} ${context.name}`, signal)
  try {
    if (!(await connection.within(signal, () => hasOwnTables(connection)))) return undefined
    await connection.within(signal, () => lockAll(connection, context))
    const done = await connection.transaction(async () => {
      await lockTables(connection)
      return await work(connection)
    }, signal)
    return after === undefined ? done : await connection.within(signal, () => after(connection, done))
  } catch (error) {
    signal.throwIfAborted()
    throw databaseError(error, connection.server)
  }
}

async function lockAll(connection: Connection, context: SinkContext): Promise<void> {
  for (const generation of GENERATIONS) {
    const { pipeline, sink } = ownersOf(context, generation)
    const found = `SELECT source FROM ${CURSORS} WHERE pipeline = $1 AND sink = $2`
    for (const { source } of await connection.query(found, [pipeline, sink]))
      await takeLock(connection, { pipeline, sink, source: source! })
  }
}

async function hasCursors(connection: Connection, context: SinkContext, generation: Generation): Promise<boolean> {
  const { pipeline, sink } = ownersOf(context, generation)
  const found = `SELECT 1 FROM ${CURSORS} WHERE pipeline = $1 AND sink = $2 LIMIT 1`
  return (await connection.query(found, [pipeline, sink])).length > 0
}

/** What is to become live must be whole. */
async function demandTables(connection: Connection, context: SinkContext, generation: Generation): Promise<void> {
  for (const { sourceTable, layout } of await ownTables(connection, ownersOf(context, generation)))
    if (!(await hasTable(connection, layout)))
      throw new TailraceError('SINK_RESTORED', 'retry', `The rows built for ${sourceTable} were removed by hand.`, {
        hint: 'They are built again.',
      })
}

/** Of each live table whose place another one takes, copied to that. */
async function userParts(connection: Connection, context: SinkContext): Promise<UserParts[]> {
  const next = new Map<string, Layout>()
  for (const { layout } of await ownTables(connection, ownersOf(context, 'next')))
    next.set(tableName({ schema: layout.schema, table: layout.live }), layout)
  const parts: UserParts[] = []
  for (const { layout } of await ownTables(connection, ownersOf(context, undefined))) {
    const to = next.get(tableName(layout))
    if (to === undefined || !(await hasTable(connection, layout))) continue
    const previous = { schema: layout.schema, table: nameIn('previous', layout.live) }
    parts.push(await copyUserParts(connection, { live: layout, to, previous }, context.logger))
  }
  return parts
}

/** Tables and cursors of one generation become those of another, of which there is nothing any more. */
async function move(
  connection: Connection,
  context: SinkContext,
  from: Generation | undefined,
  to: Generation | undefined,
): Promise<void> {
  const formerly = ownersOf(context, from)
  const { sink } = ownersOf(context, to)
  for (const { layout } of await ownTables(connection, formerly)) {
    const { schema, table, live } = layout
    const name = nameIn(to, live)
    // One that was dropped by hand is missed by whoever opens the generation.
    if (await hasTable(connection, layout)) {
      await demandFree(connection, { schema, table: name })
      await connection.run(`ALTER TABLE ${tableName(layout)} RENAME TO ${quote(name)}`)
    }
    await connection.change(
      `UPDATE ${TABLES} SET table_name = $3, sink = $4, layout = $5 WHERE schema_name = $1 AND table_name = $2`,
      [schema, table, name, sink, JSON.stringify({ ...layout, table: name })],
    )
  }
  await connection.change(`UPDATE ${CURSORS} SET sink = $3 WHERE pipeline = $1 AND sink = $2`, [
    formerly.pipeline,
    formerly.sink,
    sink,
  ])
}

/** Whoever has opened any generation before may write no more: its epoch has passed. */
async function fence(connection: Connection, context: SinkContext): Promise<void> {
  const sinks = GENERATIONS.map(generation => ownersOf(context, generation).sink)
  await connection.change(
    `UPDATE ${CURSORS} c SET epoch = newest.epoch + 1
     FROM (SELECT source, max(epoch) AS epoch FROM ${CURSORS}
           WHERE pipeline = $1 AND sink IN ($2, $3, $4) GROUP BY source) newest
     WHERE c.pipeline = $1 AND c.sink IN ($2, $3, $4) AND c.source = newest.source`,
    [context.pipeline, ...sinks],
  )
}
