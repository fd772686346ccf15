/** A pipeline from PostgreSQL into SQLite that asks the catalog often, and the rows on both sides. */
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { start, type TestPipeline } from '../../runtime/testing.ts'
import type { PostgresServer, TextRow } from './postgres.ts'
import { until } from './until.ts'

const PLUGIN = resolve('test/fixtures/watchful-postgres.ts')
/** The promise for whatever a DDL statement changes. */
const SECONDS = 60

export class DdlPlace implements AsyncDisposable {
  readonly #server: PostgresServer
  readonly database: string
  readonly pipeline: TestPipeline

  private constructor(server: PostgresServer, database: string, pipeline: TestPipeline) {
    this.#server = server
    this.database = database
    this.pipeline = pipeline
  }

  /** A database of its own, its first load done. `options`: of the source. */
  static async over(server: PostgresServer, ddl: string, options: Record<string, unknown> = {}): Promise<DdlPlace> {
    const url = await server.createDatabase()
    const database = new URL(url).pathname.slice(1)
    await server.sql(ddl, [], database)
    const source = { type: PLUGIN, url, tables: ['public.t'], ...options }
    const config = { pipeline: 'ddl', sources: { app: source }, sinks: { copy: { type: 'sqlite', path: './copy.db' } } }
    const place = new DdlPlace(server, database, await start({ config }))
    await place.pipeline.synced(undefined, { timeout: SECONDS * 1000 })
    return place
  }

  sql(text: string): Promise<TextRow[]> {
    return this.#server.sql(text, [], this.database)
  }

  /** Each row's values in the order of the source's columns. */
  async source(table: string): Promise<string[]> {
    const list = (await this.columns(table)).map(name => `${name}::text`)
    const rows = await this.sql(`SELECT json_build_array(${list})::text AS row FROM ${table}`)
    return rows.map(({ row }) => JSON.stringify(JSON.parse(row!))).sort()
  }

  /** The same of the sink; undefined: it has no such table, or not all of these columns. */
  sink(table: string, columns: readonly string[]): string[] | undefined {
    using database = new DatabaseSync(join(this.pipeline.folder, 'copy.db'), { readOnly: true, timeout: 10_000 })
    const there = database.prepare(`PRAGMA table_info("public_${table}")`).all()
    if (!columns.every(name => there.some(column => `"${column.name}"` === name))) return undefined
    const texts = columns.map(name => `CAST(${name} AS TEXT)`)
    const rows = database.prepare(`SELECT json_array(${texts}) AS row FROM "public_${table}"`).all()
    return rows.map(({ row }) => String(row)).sort()
  }

  /** Quoted. */
  async columns(table: string): Promise<string[]> {
    const rows = await this.sql(
      `SELECT attname FROM pg_attribute
       WHERE attrelid = '${table}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    )
    return rows.map(({ attname }) => `"${attname}"`)
  }

  /** Resolves once the sink's table is the source's; nothing of it has failed then. */
  async equal(table = 't'): Promise<void> {
    let last: { source: string[]; sink: string[] | undefined } | undefined
    const isEqual = async (): Promise<boolean> => {
      last = { source: await this.source(table), sink: this.sink(table, await this.columns(table)) }
      return JSON.stringify(last.source) === JSON.stringify(last.sink)
    }
    try {
      await until(isEqual, 'source and sink are equal', SECONDS)
    } catch (error) {
      throw new Error(`${String(error)}\n${JSON.stringify({ last, app: await this.app() }, undefined, 1)}`)
    }
  }

  /** Status of the source. */
  async app() {
    return (await this.pipeline.status()).sources.app!
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pipeline[Symbol.asyncDispose]()
  }
}
