/** What sinks hold of the table of all types (entries.ts), each asked as its own users would. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import { DuckDBInstance } from '@duckdb/node-api'
import type { LogBatch } from '../../../runtime/contract.ts'
import { type ExactJson, parseExact } from '../../../runtime/record/text.ts'
import duckdb from '../../../sinks/duckdb.ts'
import jsonl from '../../../sinks/jsonl.ts'
import parquet from '../../../sinks/parquet.ts'
import sqlite from '../../../sinks/sqlite.ts'
import { filesOf, readManifest } from '../parquet-files.ts'
import { context, type Filled, fill } from './fill-sink.ts'

/** Type and text of a value; undefined: the sink refused the row. */
export type Form = { readonly type: string; readonly text: string } | undefined

export interface Forms extends Filled {
  /** By the log's places. */
  readonly forms: readonly Form[]
}

/** A log that holds the table. */
export interface TypedLog {
  readonly id: string
  readonly batches: readonly LogBatch[]
  /** Where each value is: its row and its column. */
  readonly places: readonly Place[]
}

export interface Place {
  readonly row: number
  readonly column: number
}

export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-types-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** `typeof` of SQLite and the value. */
export function sqliteForms(log: TypedLog): Promise<Forms> {
  return inFolder(async folder => {
    const path = join(folder, 'rows.db')
    const filled = await fill(await sqlite.open(sqlite.config.parse({ path }), context), log)
    using database = new DatabaseSync(path)
    const forms = log.places.map(({ row, column }) => {
      const value = `c${column}`
      const statement = database.prepare(
        `SELECT typeof(${value}) AS type, ${value} AS value FROM public_types WHERE id = ?`,
      )
      statement.setReadBigInts(true)
      const found = statement.get(row)!
      return { type: String(found.type).toUpperCase(), text: sqliteText(found.value!) }
    })
    return { ...filled, forms }
  })
}

function sqliteText(value: SQLOutputValue): string {
  if (Object.is(value, -0)) return '-0'
  return value instanceof Uint8Array ? `X'${Buffer.from(value).toString('hex').toUpperCase()}'` : String(value)
}

/** The value's JSON in the files of the jsonl sink. */
export function jsonForms(log: TypedLog): Promise<Forms> {
  return inFolder(async path => {
    const filled = await fill(await jsonl.open(jsonl.config.parse({ path, mode: 'state' }), context), log)
    const rows = new Map<string, string>()
    for (const name of (await readdir(join(path, 'public.types'))).sort())
      for (const line of (await readFile(join(path, 'public.types', name), 'utf8')).split('\n')) {
        const match = /^\{"key":\[(\d+)\],"value":(.*)\}$/s.exec(line)
        if (match !== null) rows.set(match[1]!, match[2]!)
      }
    const forms = log.places.map(({ row, column }) => jsonForm(rows.get(String(row))!, column))
    return { ...filled, forms }
  })
}

/** The value's JSON in that of its row. */
export function jsonForm(row: string, column: number): Form {
  const value = (parseExact(row) as { [name: string]: ExactJson })[`c${column}`]!
  const type = Array.isArray(value) ? 'array' : typeof value === 'object' ? 'number' : typeof value
  return { type, text: typeof value === 'string' ? value : JSON.stringify(value) }
}

/** `typeof` and the text of DuckDB, of the Parquet files of a set. */
export function parquetForms(log: TypedLog): Promise<Forms> {
  return inFolder(async path => {
    const filled = await fill(await parquet.open(parquet.config.parse({ path, mode: 'rows' }), context), log)
    const files = filesOf(await readManifest(path), path, 'app.public.types')!
    const instance = await DuckDBInstance.create(':memory:')
    return { ...filled, forms: await formsOf(instance, `CREATE TABLE types AS SELECT * FROM ${files}`, 'types', log) }
  })
}

/** `typeof` and the text of DuckDB. */
export function duckdbForms(log: TypedLog): Promise<Forms> {
  return inFolder(async folder => {
    const path = join(folder, 'rows.duckdb')
    const filled = await fill(await duckdb.open(duckdb.config.parse({ path }), context), log)
    const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' })
    return { ...filled, forms: await formsOf(instance, 'SELECT 1', 'public.types', log) }
  })
}

/** Closes the instance. `prepare`: what it runs before. */
async function formsOf(
  instance: DuckDBInstance,
  prepare: string,
  table: string,
  { places }: TypedLog,
): Promise<Form[]> {
  const connection = await instance.connect()
  try {
    await connection.run("SET TimeZone = 'UTC'")
    await connection.run(prepare)
    const forms: Form[] = []
    for (const { row, column } of places) {
      // As its bytes: the driver drops a byte order mark.
      const found = await connection.runAndReadAll(
        `SELECT typeof(c${column}), encode(c${column}::VARCHAR) FROM ${table} WHERE id = ${row}`,
      )
      const [[type, text] = ['', null]] = found.getRows() as [string, { bytes: Uint8Array } | null][]
      // Where a later version of a row was refused, an earlier one without the value may be there.
      forms.push(text === null ? undefined : { type, text: Buffer.from(text.bytes).toString() })
    }
    return forms
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}
