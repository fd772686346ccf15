import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { loadConfig } from '../../../config/load.ts'
import { createLogger } from '../../../runtime/logger.ts'
import { runPipeline } from '../../../runtime/pipeline/run.ts'
import type { Pipeline } from '../../../runtime/pipeline.ts'
import type { SourceStatus } from '../../../runtime/status.ts'
import { until } from '../until.ts'
import type { MysqlServer } from './server.ts'

const TIMEOUT_MS = 60_000
/** Lines of the pipeline's own log that a failure shows. */
const LINES = 30

/** Rows as text, in the order of the first column. */
export interface Sides {
  readonly source: readonly string[]
  readonly sink: readonly string[]
}

/** A pipeline from a database into SQLite, stopped and started as a test needs it. */
export class CopyRig implements AsyncDisposable {
  readonly database: string
  server: MysqlServer
  readonly #folder: string
  readonly #lines: string[] = []
  #pipeline: Pipeline | undefined

  private constructor(server: MysqlServer, database: string, folder: string) {
    this.server = server
    this.database = database
    this.#folder = folder
  }

  /** A database with these tables, all of it copied, and the pipeline running. `tables`: patterns, all by default. */
  static async open(
    server: MysqlServer,
    ddl: string,
    { tables, options = '' }: { readonly tables?: readonly string[]; readonly options?: string } = {},
  ): Promise<CopyRig> {
    const database = await server.createDatabase()
    const rig = new CopyRig(server, database, await mkdtemp(join(tmpdir(), 'tailrace-copy-')))
    await rig.sql(ddl)
    await rig.configure(tables, options)
    await rig.start()
    return rig
  }

  /** `tables`: without the database. `options`: more lines of the source. */
  async configure(tables: readonly string[] = ['*'], options = ''): Promise<void> {
    const lines = [
      `pipeline: ${this.database}`,
      'log: {path: ./data}',
      'http: false',
      'sources:',
      '  app:',
      '    type: mysql',
      `    url: ${this.server.url()}?sslmode=disable`,
      `    tables: [${tables.map(table => `'${this.database}.${table}'`).join(', ')}]`,
      ...(options === '' ? [] : [`    ${options}`]),
      'sinks:',
      '  copy: {type: sqlite, path: ./copy.db}',
    ]
    await writeFile(join(this.#folder, 'tailrace.yaml'), `${lines.join('\n')}\n`)
  }

  get pipeline(): Pipeline {
    if (this.#pipeline === undefined) throw new Error('the pipeline does not run')
    return this.#pipeline
  }

  sql(text: string): Promise<Record<string, string | null>[]> {
    return this.server.query(text, this.database)
  }

  /** And waits until the copy holds what was committed before. */
  async start(resynced: readonly string[] = []): Promise<void> {
    await this.open(resynced)
    await this.caughtUp()
  }

  async open(resynced: readonly string[] = []): Promise<void> {
    const logger = createLogger('info', {
      write: line => {
        this.#lines.push(line.trim())
        if (this.#lines.length > LINES) this.#lines.shift()
      },
    })
    const config = await loadConfig(join(this.#folder, 'tailrace.yaml'))
    this.#pipeline = await runPipeline(config, logger, new Set(resynced))
    this.#pipeline.started.catch(() => {})
  }

  async stop(): Promise<void> {
    await this.#pipeline?.stop()
    this.#pipeline = undefined
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  async source(): Promise<SourceStatus> {
    return (await this.pipeline.status()).sources.app!
  }

  /** Waits until the copy holds what was committed before, loads under way included; throws if the source fails. */
  async caughtUp(): Promise<void> {
    const ending = new AbortController()
    const signal = AbortSignal.any([ending.signal, AbortSignal.timeout(TIMEOUT_MS)])
    const failed = until(async () => (await this.source()).state === 'failed', 'the source has failed', 60).then(
      async () => {
        throw new Error(`the source failed: ${JSON.stringify((await this.source()).error)}\n${this.story}`)
      },
    )
    failed.catch(() => {})
    try {
      await Promise.race([this.pipeline.wait(undefined, signal), failed])
    } catch (error) {
      throw new Error(`${String(error)}\n${JSON.stringify(await this.source())}\n${this.story}`)
    } finally {
      ending.abort()
    }
  }

  /** The error that the source fails with, which it may come to only now. */
  async failure(): Promise<NonNullable<SourceStatus['error']>> {
    await until(async () => (await this.source()).state === 'failed', 'the source has failed', 60)
    return (await this.source()).error!
  }

  /** Reads the tables again, with a sweep, to the end. */
  async resync(): Promise<void> {
    const options = { tables: undefined, resnapshot: true, yes: true }
    await this.pipeline.backfill('app', options, AbortSignal.timeout(TIMEOUT_MS))
    await this.caughtUp()
  }

  /** What the pipeline said last. */
  get story(): string {
    return this.#lines.join('\n')
  }

  /** Every cell of the table on both sides. */
  async sides(table: string): Promise<Sides> {
    const columns = await this.sql(
      `SELECT COLUMN_NAME AS name, DATA_TYPE AS type FROM information_schema.COLUMNS
       WHERE TABLE_SCHEMA = '${this.database}' AND TABLE_NAME = '${table}' ORDER BY ORDINAL_POSITION`,
    )
    const names = columns.map(({ name }) => name!)
    const isBytes = columns.map(({ type }) => /blob|binary/.test(type!))
    const cell = (name: string, i: number, text: string): string =>
      isBytes[i] ? `CASE WHEN ${name} IS NOT NULL THEN HEX(${name}) END` : `CAST(${name} AS ${text})`
    const there = names.map((name, i) => `${cell(`\`${name}\``, i, 'CHAR')} AS c${i}`)
    const here = names.map((name, i) => cell(`"${name}"`, i, 'TEXT'))
    const source = await this.sql(`SELECT ${there.join(', ')} FROM \`${table}\``)
    return {
      source: source.map(row => JSON.stringify(Object.values(row))).sort(),
      sink: this.sink(`SELECT ${here.join(', ')} FROM "${this.database}_${table}"`).sort(),
    }
  }

  /** Rows of the copy, each as a JSON array. */
  sink(sql: string): string[] {
    using database = new DatabaseSync(join(this.#folder, 'copy.db'), { readOnly: true, timeout: 10_000 })
    const statement = database.prepare(sql)
    return statement.all().map(row => JSON.stringify(Object.values(row)))
  }

  /** Waits until both sides are the same, row for row, and answers them. */
  async settled(table: string): Promise<Sides> {
    await this.caughtUp()
    let sides = await this.sides(table)
    const isEqual = async (): Promise<boolean> => {
      sides = await this.sides(table)
      return JSON.stringify(sides.source) === JSON.stringify(sides.sink)
    }
    await until(isEqual, 'the copy is as the table').catch(() => {})
    return sides
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    await rm(this.#folder, { recursive: true, force: true })
  }
}
