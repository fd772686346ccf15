/** Every value of some types, read by load and by stream. */
import type { ChangeView, Column, LogicalType } from '../../../runtime/contract.ts'
import type { SourceRun } from '../source-run.ts'
import type { Flavor } from './programs.ts'
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

type Texts = readonly (string | null | undefined)[]

/** Rows by their place and by how they came; a cell as its tag and bytes, and of former rows its text. */
export interface Arrived {
  readonly run: SourceRun
  readonly loaded: readonly string[][]
  readonly inserted: readonly string[][]
  readonly updated: readonly string[][]
  /** The loaded rows again, read beside the stream. */
  readonly beside: readonly string[][]
  /** Old rows of updates, and deleted rows. */
  readonly before: readonly Texts[]
  readonly deleted: readonly Texts[]
  /** Of the loaded rows. */
  readonly texts: readonly Texts[]
  readonly types: readonly LogicalType[]
  readonly declared: readonly string[]
}

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
  return { ...arrivedOf(run), beside: await readBeside(options, run) }
}

async function readBeside(options: MysqlOptions, { log }: SourceRun): Promise<string[][]> {
  const signal = AbortSignal.timeout(30_000)
  await using source = openMysql(options)
  await source.start(await log.resume(), signal)
  const [name] = options.tables!
  const rows: string[][] = []
  for await (const chunk of source.load(source.request(`app.${name}`, { kind: 'all' }, false)!, signal))
    for (const change of chunk.rows) {
      const id = Number(change.text(0))
      if (change.kind === 'r' && id < INSERTED) rows[id] = cellsOf(change)
    }
  return rows
}

function arrivedOf(run: SourceRun): Omit<Arrived, 'beside'> {
  const [loaded, inserted, updated]: [string[][], string[][], string[][]] = [[], [], []]
  const [before, deleted, texts]: [Texts[], Texts[], Texts[]] = [[], [], []]
  let columns: readonly Column[] = []
  for (const batch of run.batches)
    for (const change of batch) {
      if (change.kind === 's') continue
      columns = change.table.columns.slice(1)
      const id = Number(change.kind === 'd' ? change.before(0) : change.text(0))
      const row = id % INSERTED
      if (change.kind === 'r') {
        loaded[row] = cellsOf(change)
        texts[row] = columns.map((_, i) => change.text(i + 1))
      } else if (change.kind === 'c' && id < UPDATED) inserted[row] = cellsOf(change)
      else if (change.kind === 'u' && id >= UPDATED) updated[row] = cellsOf(change)
      else if (change.kind === 'u') before[row] = columns.map((_, i) => change.before(i + 1))
      else if (change.kind === 'd') deleted[row] = columns.map((_, i) => change.before(i + 1))
    }
  return {
    run,
    loaded,
    inserted,
    updated,
    before,
    deleted,
    texts,
    types: columns.map(({ type }) => type),
    declared: columns.map(({ declared }) => declared),
  }
}

function cellsOf(change: ChangeView): string[] {
  const cell = (i: number): string =>
    `${String.fromCharCode(change.tag(i))}:${Buffer.from(change.cell(i)).toString('hex')}`
  return change.table.columns.slice(1).map((_, i) => cell(i + 1))
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
