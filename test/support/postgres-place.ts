import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { SinkContext, Table, Target } from '../../runtime/contract.ts'
import postgres from '../../sinks/postgres.ts'
import type { PostgresServer } from './postgres.ts'
import type { ItemsClient, SinkPlace } from './sink-rig.ts'

export interface PostgresOptions {
  readonly url?: string
  readonly name?: string
  readonly asText?: readonly string[]
  readonly types?: Readonly<Record<string, string>>
}

/** Columns whose values in the contract no type of PostgreSQL spells the same way again. */
const AS_TEXT = ['double', 'single', 'amount', 'json', 'moment'].map(name => `app.public.types.${name}`)

/** A database of its own on a server. */
export class PostgresPlace implements SinkPlace {
  readonly database: string
  readonly options: PostgresOptions & { readonly url: string }
  readonly refuses: boolean
  readonly #server: PostgresServer
  readonly #oid: string

  private constructor(server: PostgresServer, database: string, oid: string, options: PostgresOptions) {
    this.#server = server
    this.#oid = oid
    this.database = database
    this.options = { url: server.url(database), name: '{source}_{schema}.{table}', asText: AS_TEXT, ...options }
    // Infinite intervals came with 17.
    this.refuses = server.major < 17
  }

  static async make(server: PostgresServer, options: PostgresOptions = {}): Promise<PostgresPlace> {
    const database = `sink_${randomBytes(6).toString('hex')}`
    await server.createDatabase(database)
    const [row] = await server.sql('SELECT oid FROM pg_database WHERE datname = $1', [database])
    return new PostgresPlace(server, database, row!.oid!, options)
  }

  get child(): SinkPlace['child'] {
    return { type: 'postgres', options: this.options, crashPoint: 'postgres.applied' }
  }

  /** Readers of rows in the schema `app_public`. */
  get generations(): NonNullable<SinkPlace['generations']> {
    return { crashPoints: ['postgres.applied'], client: () => this.#client() }
  }

  /** The database's own files: the server's log of changes is not the sink's. */
  get files(): NonNullable<SinkPlace['files']> {
    return {
      folder: join(this.#server.dataDir, 'base', this.#oid),
      crashPoints: ['postgres.applied'],
      // What is not in the files yet will be.
      unpacked: async () => {
        const tables = await this.sql(
          `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname LIKE 'app%'`,
        )
        const rows = await Promise.all(tables.map(({ name }) => this.sql(`SELECT * FROM ${name}`)))
        return JSON.stringify(rows)
      },
    }
  }

  shown(table: Table): ReturnType<SinkPlace['shown']> {
    return postgres.shown!(postgres.config.parse(this.options), table)
  }

  open(context: SinkContext): Promise<Target> {
    return postgres.open(postgres.config.parse(this.options), context)
  }

  /** Rows of a statement in the place's database. */
  sql(text: string, values: readonly unknown[] = []): ReturnType<PostgresServer['sql']> {
    return this.#server.sql(text, values, this.database)
  }

  async empty(): Promise<void> {
    await this.#drop(this.database)
    await this.#server.createDatabase(this.database)
  }

  /** A copy of the database, as a backup is. */
  async backup(): Promise<() => Promise<void>> {
    const copy = `${this.database}_copy`
    await this.#copy(this.database, copy)
    return async () => {
      await this.#drop(this.database)
      await this.#copy(copy, this.database)
      await this.#drop(copy)
    }
  }

  async #copy(from: string, to: string): Promise<void> {
    // Whoever is connected hinders it.
    await this.#server.sql('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [from])
    await this.#server.sql(`CREATE DATABASE ${to} TEMPLATE ${from}`)
  }

  async #drop(name: string): Promise<void> {
    await this.#server.sql(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
  }

  async #client(): Promise<ItemsClient> {
    const client = await this.#server.connect(this.database)
    return {
      async read() {
        const { rows } = await client.query<{ id: string; name: string }>('SELECT id, name FROM app_public.items')
        return new Map(rows.map(({ id, name }) => [id, name]))
      },
      [Symbol.asyncDispose]: () => client.end(),
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#drop(this.database)
    await this.#drop(`${this.database}_copy`)
  }
}
