/** A first load for tests, under an exported snapshot, without a slot. */
import pg from 'pg'
import type { Captured } from '../../connectors/postgres/capture.ts'
import { captureTables } from '../../connectors/postgres/catalog.ts'
import { readTables } from '../../connectors/postgres/catalog-rows.ts'
import { type PostgresConfig, postgresConfig } from '../../connectors/postgres/config.ts'
import { connectSql } from '../../connectors/postgres/connection.ts'
import { FastLane } from '../../connectors/postgres/fast-lane.ts'
import { loadTable } from '../../connectors/postgres/snapshot.ts'
import { SnapshotReaders } from '../../connectors/postgres/snapshot-readers.ts'
import { sharedSql } from '../../connectors/postgres/sql.ts'
import { StateLook } from '../../connectors/postgres/state-look.ts'
import type { Chunk, Position, Table } from '../../runtime/contract.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import type { PostgresServer } from './postgres.ts'

/** Options beside `url`. */
export type Options = Record<string, unknown>

export class Exported implements AsyncDisposable {
  readonly config: PostgresConfig
  readonly captured: readonly Captured[]
  readonly #snapshot: string
  readonly #holder: pg.Client

  private constructor(config: PostgresConfig, captured: readonly Captured[], snapshot: string, holder: pg.Client) {
    this.config = config
    this.captured = captured
    this.#snapshot = snapshot
    this.#holder = holder
  }

  /** Captures the tables, then exports a snapshot as `holder` (default: the role of the url). */
  static async open(
    url: string,
    options: Options,
    known: readonly Table[] = [],
    superuserUrl: string = url,
  ): Promise<Exported> {
    const config = postgresConfig.parse({ url, ...options })
    const client = await connectSql(config, 'tailrace test', new AbortController().signal)
    const captured = await captureTables(client, 'app', config, known).finally(() => client.end())
    const holder = new pg.Client({ connectionString: superuserUrl })
    holder.on('error', () => {})
    await holder.connect()
    await holder.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    const { rows } = await holder.query<{ name: string }>('SELECT pg_export_snapshot() AS name')
    return new Exported(config, captured, rows[0]!.name, holder)
  }

  /** A database of its own made of `ddl`, captured and exported. */
  static async of(server: PostgresServer, ddl: string, options: Options): Promise<Exported> {
    const url = await server.createDatabase()
    await server.sql(ddl, [], new URL(url).pathname.slice(1))
    return await Exported.open(url, options)
  }

  get database(): string {
    return new URL(this.config.url).pathname.slice(1)
  }

  one(table: string): Captured {
    const found = this.captured.find(captured => captured.table.table === table)
    if (found === undefined) throw new Error(`${table} was not captured`)
    return found
  }

  async *load(table: string, options: { restart?: boolean; signal?: AbortSignal } = {}): AsyncGenerator<Chunk> {
    const captured = this.one(table)
    const { config } = this
    const { estimatedRows, estimatedBytes } = captured
    const signal = options.signal ?? new AbortController().signal
    await using readers = new SnapshotReaders({ config, sourceName: 'app', snapshot: this.#snapshot })
    await using sql = sharedSql(config, 'tailrace test')
    yield* loadTable(
      {
        table: captured.table,
        scope: { kind: 'all' },
        restart: options.restart ?? false,
        beside: false,
        estimatedRows,
        estimatedBytes,
      },
      {
        config,
        readers,
        states: new StateLook(oids => sql.use(client => readTables(client, oids), signal)),
        consistentPoint: '0/100' as Position,
        captured,
        registry: new Map(),
        announce: [],
        slot: 'tailrace_test',
        identity: {},
        fastLane: new FastLane(0),
      },
      signal,
    )
  }

  /** What the snapshot sees, asked of the database: each value as text. */
  async truth(select: string): Promise<(string | null)[][]> {
    const { rows } = await this.#holder.query<(string | null)[]>({ text: select, rowMode: 'array', types: AS_TEXT })
    return rows
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#holder.end()
  }
}

const AS_TEXT = { getTypeParser: () => (value: string) => value }

/** Rows of all chunks: each cell's text, in the order of the table's columns. */
export async function loadedRows(chunks: AsyncIterable<Chunk>): Promise<(string | null)[][]> {
  const rows: (string | null)[][] = []
  for await (const chunk of chunks)
    for (const change of chunk.rows) {
      if (change.kind !== 'r') continue
      rows.push(change.table.columns.map((_, i) => (change.tag(i) === CellTag.null ? null : change.text(i))))
    }
  return rows
}

export async function gather(chunks: AsyncIterable<Chunk>): Promise<Chunk[]> {
  const all: Chunk[] = []
  for await (const chunk of chunks) all.push(chunk)
  return all
}

/** Connections of loads that the server still has. */
export async function countLoaders(server: PostgresServer, database: string): Promise<number> {
  const text = "SELECT count(*) AS n FROM pg_stat_activity WHERE application_name LIKE '% load' AND datname = $1"
  return Number((await server.sql(text, [database]))[0]!.n)
}
