/** Every value of some types, read by load and by stream. */
import { type Arrived, arrived, type Texts } from '../types/arrived.ts'
import type { Flavor } from './releases.ts'
import type { MysqlServer } from './server.ts'
import { type MysqlOptions, openMysql, runMysql } from './source-run.ts'
import type { TypeCase, Value } from './type-case.ts'

/** One table has a column per type, c0, c1 and so on behind `id`, and a row per value, null in all other columns. */
export interface Entry {
  readonly of: TypeCase
  /** Place of the type's column behind `id`. */
  readonly column: number
  readonly value: Value
}

/** Those that a server of this flavor, with the version as TypeCase has it, knows. */
export function casesOf<T extends TypeCase>(cases: readonly T[], flavor: Flavor, version: number): T[] {
  return cases.filter(({ flavors, since }) => flavors.includes(flavor) && since <= version)
}

/** In row order, the id of a row being its place. The row behind them is null everywhere. */
export function entriesOf(cases: readonly TypeCase[]): Entry[] {
  return cases.flatMap((of, column) => of.values.map(value => ({ of, column, value })))
}

/** The DDL of a type in a column of this name. */
export function columnDdl({ ddl }: TypeCase, name: string): string {
  return `${name} ${ddl.replace('(v)', `(${name})`)}`
}

/** For sessions that write the values of type-case.ts: every value as it is, whatever the server is set to. */
export const WRITER = `SET NAMES utf8mb4; SET SESSION sql_mode = '', time_zone = '+00:00', autocommit = 1,
  completion_type = 0, sql_big_selects = 1, wait_timeout = 600
    /*!50700 , max_execution_time = 0 */ /*M! , max_statement_time = 0 */;
  SET SESSION TRANSACTION READ WRITE`

/** Rows come a second time by an insert, a third time by an update, and so many ids later. */
export const INSERTED = 10_000
export const UPDATED = 20_000

/** As root, in one session that leaves the values alone. `database` is made. */
export async function writeTyped(server: MysqlServer, database: string, cases: readonly TypeCase[]): Promise<void> {
  const client = await server.connect()
  try {
    await client.query(`${WRITER}; CREATE DATABASE ${database} CHARACTER SET latin1; USE ${database}`)
    const columns = cases.map((of, i) => columnDdl(of, `c${i}`).replace(/^(\S+ timestamp\S*)$/, '$1 null'))
    await client.query(`CREATE TABLE types (id int PRIMARY KEY, ${columns.join(', ')})`)
    const entries = entriesOf(cases)
    for (const [row, { column, value }] of entries.entries())
      await client.query(`INSERT INTO types (id, c${column}) VALUES (${row}, ${value.sql})`)
    await client.query(`INSERT INTO types (id) VALUES (${entries.length})`)
  } finally {
    await client.end()
  }
}

/** `user` reads; the values were written by `writeTyped`. */
export async function readTyped(
  server: MysqlServer,
  database: string,
  options: MysqlOptions,
  cases: readonly TypeCase[],
): Promise<Arrived> {
  const list = cases.map((_, i) => `c${i}`).join(', ')
  const set = cases.map((_, i) => `t.c${i} = f.c${i}`).join(', ')
  const run = await runMysql(options, async () => {
    const client = await server.connect({ database })
    try {
      await client.query(`${WRITER};
        INSERT INTO types (id, ${list}) SELECT id + ${INSERTED}, ${list} FROM types WHERE id < ${INSERTED};
        INSERT INTO types (id, c0) SELECT id + ${UPDATED}, 5 FROM types WHERE id < ${INSERTED};
        UPDATE types t JOIN types f ON f.id = t.id - ${UPDATED} SET ${set} WHERE t.id >= ${UPDATED};
        UPDATE types SET c0 = 1 - COALESCE(c0, 0) WHERE id BETWEEN ${INSERTED} AND ${UPDATED - 1};
        DELETE FROM types WHERE id >= ${UPDATED}`)
    } finally {
      await client.end()
    }
  })
  const places = { inserted: INSERTED, updated: UPDATED }
  return await arrived(run, places, () => openMysql(options), `app.${options.tables![0]}`)
}

/** Characters of a value that a difference shows. */
const SHOWN = 80

/** Where rows differ, by the types of their columns, for a person. */
export function differences(cases: readonly TypeCase[], rows: readonly Texts[], wanted: readonly Texts[]): string[] {
  const shown = (text: string | null | undefined): string => JSON.stringify(text)?.slice(0, SHOWN) ?? 'nothing'
  return Array.from({ length: Math.max(rows.length, wanted.length) }, (_, row) => row).flatMap(row =>
    cases.flatMap(({ ddl }, i) => {
      const [have, want] = [rows[row]?.[i], wanted[row]?.[i]]
      return have === want ? [] : [`row ${row}, ${ddl.slice(0, SHOWN)}: ${shown(have)}, not ${shown(want)}`]
    }),
  )
}
