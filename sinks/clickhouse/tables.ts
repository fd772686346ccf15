import { TailraceError } from '../../runtime/errors.ts'
import type { Client } from './client.ts'
import type { Layout } from './layout.ts'
import { hiddenPlace, keysPlace, makingPlace, type Place, sqlName } from './names.ts'
import { Code } from './server-error.ts'
import { quote, REMOVING, text } from './sql.ts'

/** What is asked of the server's tables. */

/** How the rows of a table stand in the target. */
export interface TableDocument {
  readonly table: string
  readonly incarnation: number
  /** Where readers find it once its generation is live. */
  readonly place: Place
  readonly layout: Layout
  /** The server's own name of it, which another one in its place has not. */
  readonly uuid: string
  /** What was there, as long as this one is on its way there. */
  readonly before?: Omit<TableDocument, 'before'>
}

/** A table that the server has. */
export interface Known {
  readonly uuid: string
  readonly comment: string
}

/** What marks the tables of a sink. */
export function commentOf(sink: string): string {
  return `tailrace ${sink}`
}

/** Where the table of a generation is. */
export function placeIn(place: Place, generation: string, isLive: boolean): Place {
  return isLive ? place : hiddenPlace(place, generation)
}

/** What is at this place. */
export async function tableAt(client: Client, place: Place, signal: AbortSignal): Promise<Known | undefined> {
  return (await tablesAt(client, [place], signal)).get(sqlName(place))
}

const NAMES = 200

/** What is at these places, by `sqlName`. */
export async function tablesAt(
  client: Client,
  places: readonly Place[],
  signal: AbortSignal,
): Promise<Map<string, Known>> {
  const found = new Map<string, Known>()
  for (let from = 0; from < places.length; from += NAMES) {
    const pairs = places.slice(from, from + NAMES).map(({ database, name }) => `(${text(database)}, ${text(name)})`)
    const rows = await client.rows<Known & Place>(
      `SELECT database, name, toString(uuid) AS uuid, comment FROM system.tables WHERE (database, name) IN (${pairs.join(', ')})`,
      signal,
    )
    for (const { database, name, uuid, comment } of rows) found.set(sqlName({ database, name }), { uuid, comment })
  }
  return found
}

/** Makes a table; `statement` says where. Answers the server's own name of it. Throws NAME_COLLISION. */
export async function makeTable(client: Client, place: Place, statement: string, signal: AbortSignal): Promise<string> {
  await makeDatabase(client, place.database, signal)
  const made = await client.ask(statement, signal, { accept: [Code.tableExists] })
  const known = await tableAt(client, place, signal)
  if (made === undefined || known === undefined) throw taken(place)
  return known.uuid
}

/** Not asked for where it is there, as a user may lack the right. */
async function makeDatabase(client: Client, database: string, signal: AbortSignal): Promise<void> {
  const known = await client.rows(`SELECT name FROM system.databases WHERE name = ${text(database)}`, signal)
  if (known.length === 0) await client.ask(`CREATE DATABASE IF NOT EXISTS ${quote(database)}`, signal)
}

/** Gone with its files when it resolves. */
export async function dropTable(client: Client, place: Place, signal: AbortSignal): Promise<void> {
  await client.ask(`DROP TABLE IF EXISTS ${sqlName(place)} SYNC ${REMOVING}`, signal, {
    accept: [Code.unknownDatabase],
    isLong: true,
  })
}

/** Those of the sink, gone with their files, also what was going to take the place of one. */
export async function dropOurs(
  client: Client,
  sink: string,
  places: readonly Place[],
  signal: AbortSignal,
): Promise<void> {
  const all = places.flatMap(place => [place, makingPlace(place), keysPlace(place)])
  const there = await tablesAt(client, all, signal)
  for (const place of all)
    if (there.get(sqlName(place))?.comment === commentOf(sink)) await dropTable(client, place, signal)
}

/** Puts the table that is at `from` there: a reader sees what was there, or what is there now. */
export async function putInPlace(
  client: Client,
  from: Place,
  to: Place,
  isTaken: boolean,
  signal: AbortSignal,
): Promise<void> {
  const [one, other] = [sqlName(from), sqlName(to)]
  await client.ask(isTaken ? `EXCHANGE TABLES ${one} AND ${other}` : `RENAME TABLE ${one} TO ${other}`, signal)
}

export function taken(place: Place): TailraceError {
  return new TailraceError('NAME_COLLISION', 'stop', `The table ${sqlName(place)} is there, and not the sink's.`, {
    hint: 'Give the sink a `name` that is free, or rename that table; then resume the sink.',
  })
}
