import { existsSync } from 'node:fs'
import type { Generation, SinkContext } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { generationOwner, generationPrefix } from '../../runtime/generation.ts'
import { CATALOG, Catalog, demandFree, dropTables, ownTables } from './catalog.ts'
import { CURSORS, CursorRow } from './cursor-row.ts'
import { Database, quote } from './database.ts'
import type { Layout } from './layout.ts'
import { searchName } from './search.ts'
import { dropUserParts, makeUserParts, type UserPart } from './user-parts.ts'

/**
 * A generation is one more owner of rows in the sink's own tables, with hidden tables in the same file: readers of the
 * live names come upon none of it. To change places is to rename, all in one transaction.
 */
export const GENERATIONS: readonly (Generation | undefined)[] = [undefined, 'next', 'previous']

/** `next` becomes live, what was live becomes `previous`. Nothing happens without a `next`. Throws TARGET_TAKEN. */
export function swap(path: string, context: SinkContext): void {
  changePlaces(path, database => {
    if (!hasCursors(database, context, 'next')) return
    demandTables(database, context, 'next')
    removeGeneration(database, context, 'previous')
    const userParts = move(database, context, undefined, 'previous')
    move(database, context, 'next', undefined)
    fence(database, context)
    for (const { name, reason } of makeUserParts(database, userParts))
      context.logger.warn(
        { sink: context.name, part: name, reason },
        'an index or trigger on a table could not be kept',
      )
  })
}

/** `previous` becomes `next`. False if there is none. */
export function recall(path: string, context: SinkContext): boolean {
  let isThere = false
  changePlaces(path, database => {
    isThere = hasCursors(database, context, 'previous')
    if (!isThere) return
    removeGeneration(database, context, 'next')
    move(database, context, 'previous', 'next')
    fence(database, context)
  })
  return isThere
}

export function drop(path: string, context: SinkContext, generation: Generation): void {
  changePlaces(path, database => {
    removeGeneration(database, context, generation)
  })
}

/** Drops its tables and cursors, and answers the names of the tables. In a transaction. */
export function removeGeneration(
  database: Database,
  context: SinkContext,
  generation: Generation | undefined,
): string[] {
  const owner = ownerOf(context, generation)
  database.prepare(`DELETE FROM ${CURSORS} WHERE pipeline = ? AND sink = ?`).run(owner.pipeline, owner.sink)
  return dropTables(database, owner)
}

/** Tables of a generation, of all sources of the sink. */
export function tablesOf(
  database: Database,
  context: SinkContext,
  generation: Generation | undefined,
): ReturnType<typeof ownTables> {
  return ownTables(database, ownerOf(context, generation))
}

function changePlaces(path: string, work: (database: Database) => void): void {
  if (!existsSync(path)) return
  using database = new Database(path)
  // Otherwise foreign keys of other tables would go with the table that they refer to, not stay with its name.
  database.exec('PRAGMA foreign_keys = OFF')
  database.transaction(() => {
    CursorRow.create(database)
    Catalog.create(database)
    work(database)
  })
}

function ownerOf(context: SinkContext, generation: Generation | undefined): { pipeline: string; sink: string } {
  return { pipeline: context.pipeline, sink: generationOwner(context.name, generation) }
}

function prefixOf(generation: Generation | undefined): string {
  return generationPrefix(generation === undefined ? {} : { generation })
}

function hasCursors(database: Database, context: SinkContext, generation: Generation): boolean {
  const { pipeline, sink } = ownerOf(context, generation)
  const found = database.prepare(`SELECT 1 FROM ${CURSORS} WHERE pipeline = ? AND sink = ? LIMIT 1`).get(pipeline, sink)
  return found !== undefined
}

/** What would become live must be whole. */
function demandTables(database: Database, context: SinkContext, generation: Generation): void {
  for (const { sourceTable, layout } of tablesOf(database, context, generation))
    if (!isThere(database, layout.name))
      throw new TailraceError('SINK_RESTORED', 'retry', `The rows built for ${sourceTable} were removed by hand.`, {
        hint: 'They are built again.',
      })
}

/**
 * Tables and cursors of one generation become those of another, of which there is nothing any more. What users made on
 * the tables belongs to their names: it is dropped and answered.
 */
function move(
  database: Database,
  context: SinkContext,
  from: Generation | undefined,
  to: Generation | undefined,
): UserPart[] {
  const formerly = ownerOf(context, from)
  const { sink } = ownerOf(context, to)
  const save = database.prepare(`UPDATE ${CATALOG} SET name = ?, sink = ?, layout = ? WHERE name = ?`)
  const userParts: UserPart[] = []
  for (const { layout } of tablesOf(database, context, from)) {
    userParts.push(...dropUserParts(database, layout.name))
    const name = prefixOf(to) + layout.name.slice(prefixOf(from).length)
    rename(database, layout, name)
    save.run(name, sink, JSON.stringify({ ...layout, name }), layout.name)
  }
  const cursors = database.prepare(`UPDATE ${CURSORS} SET sink = ? WHERE pipeline = ? AND sink = ?`)
  cursors.run(sink, formerly.pipeline, formerly.sink)
  return userParts
}

function rename(database: Database, { name, search }: Layout, to: string): void {
  renameTable(database, name, to)
  if (search.length > 0) renameTable(database, searchName(name), searchName(to))
}

/** One that was dropped by hand is missed by whoever opens the generation. */
function renameTable(database: Database, from: string, to: string): void {
  if (!isThere(database, from)) return
  demandFree(database, to)
  database.exec(`ALTER TABLE ${quote(from)} RENAME TO ${quote(to)}`)
}

export function isThere(database: Database, name: string): boolean {
  return database.prepare(`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?`).get(name) !== undefined
}

/** Whoever has opened any generation before may write no more: its epoch has passed. */
function fence(database: Database, context: SinkContext): void {
  const sinks = GENERATIONS.map(generation => ownerOf(context, generation).sink)
  const own = 'pipeline = ? AND sink IN (?, ?, ?)'
  const newest = database.prepare(`SELECT source, max(epoch) AS epoch FROM ${CURSORS} WHERE ${own} GROUP BY source`)
  const set = database.prepare(`UPDATE ${CURSORS} SET epoch = ? WHERE ${own} AND source = ?`)
  for (const { source, epoch } of newest.all(context.pipeline, ...sinks))
    set.run(Number(epoch) + 1, context.pipeline, ...sinks, source!)
}
