/** PostgreSQL servers for tests: a real one for each, on its own port, gone with the test. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { type LocalPostgres, startLocalPostgres } from '../../runtime/demo/server.ts'
import { cachedCluster } from './cached-cluster.ts'
import { BUNDLED_MAJOR, type Major, postgresPrograms } from './cached-postgres.ts'

/** Of user `postgres` where a server asks for passwords. */
const PASSWORD = 'millstream'

export interface PostgresOptions {
  readonly major?: Major
  /** postgresql.conf; by default wal_level=logical, fsync=off. */
  readonly settings?: Readonly<Record<string, string>>
  readonly auth?: 'trust' | 'scram'
}

/** A row with each value as the database prints it. */
export type TextRow = Record<string, string | null>

export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const { major = BUNDLED_MAJOR, settings, auth = 'trust' } = options
  const password = auth === 'scram' ? PASSWORD : undefined
  const native = await postgresPrograms(major)
  const cluster = password === undefined ? await cachedCluster(native) : undefined
  const local = await startLocalPostgres({
    native,
    settings: { fsync: 'off', ...settings },
    ...(password === undefined ? {} : { password }),
    ...(cluster === undefined ? {} : { cluster }),
  })
  return new PostgresServer(local, major, password)
}

export class PostgresServer implements AsyncDisposable {
  readonly major: Major
  readonly #local: LocalPostgres
  readonly #password: string | undefined

  constructor(local: LocalPostgres, major: Major, password: string | undefined) {
    this.#local = local
    this.major = major
    this.#password = password
  }

  /** Kept through restarts. */
  get port(): number {
    return this.#local.port
  }

  get dataDir(): string {
    return this.#local.dataDir
  }

  /** What the server wrote to its log, all starts. */
  get logFile(): string {
    return this.#local.logFile
  }

  /** With the superuser's password where the server asks for one; that of another user is the caller's to give. */
  url(database = 'postgres', user = 'postgres', password = user === 'postgres' ? this.#password : undefined): string {
    const secret = password === undefined ? '' : `:${encodeURIComponent(password)}`
    return `postgres://${encodeURIComponent(user)}${secret}@127.0.0.1:${this.port}/${encodeURIComponent(database)}`
  }

  start(): Promise<void> {
    return this.#local.start()
  }

  /** `fast` waits for replication clients to take what is left; `immediate` for nobody. */
  stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    return this.#local.stop(mode)
  }

  restart(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    return this.#local.restart(mode)
  }

  /** SIGKILL; `start` then recovers. */
  kill9(): Promise<void> {
    return this.#local.kill9()
  }

  /**
   * One connection, as superuser. Without parameters the text may hold several statements, which are then one
   * transaction; the last one's rows are answered.
   */
  async sql(text: string, params: readonly unknown[] = [], database = 'postgres'): Promise<TextRow[]> {
    const client = await this.connect(database)
    try {
      const result: pg.QueryResult<TextRow> | pg.QueryResult<TextRow>[] =
        params.length === 0 ? await client.query<TextRow>(text) : await client.query<TextRow>(text, [...params])
      return (Array.isArray(result) ? result.at(-1) : result)?.rows ?? []
    } finally {
      await client.end()
    }
  }

  /** A connection as superuser that answers every value as text. The caller ends it; a killed server just ends it. */
  async connect(database = 'postgres'): Promise<pg.Client> {
    const client = new pg.Client({
      connectionString: this.url(database),
      types: { getTypeParser: () => (value: string) => value },
    })
    // Without a listener a server that stops would end the test process; the next query rejects anyway.
    client.on('error', () => {})
    await client.connect()
    return client
  }

  /** Answers its URL. */
  async createDatabase(name = `t_${randomBytes(6).toString('hex')}`): Promise<string> {
    await this.sql(`CREATE DATABASE ${pg.escapeIdentifier(name)}`)
    return this.url(name)
  }

  /** Stops it and removes its folder. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#local[Symbol.asyncDispose]()
  }
}
