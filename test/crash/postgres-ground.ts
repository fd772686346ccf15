import type { PostgresServer } from '../support/postgres.ts'
import { expectedJson } from './expected-json.ts'
import { type AckWatch, type Ground, groundFolder, type TextRow } from './ground.ts'
import { layOut, type Site } from './pipeline-process.ts'
import { lsn, SlotWatch } from './slot-watch.ts'
import { columns, createTables, TABLES, type TableName } from './tables.ts'

const PAGE_ROWS = 20_000

export class PostgresGround implements Ground {
  readonly server: PostgresServer
  readonly url: string
  readonly database: string
  readonly site: Site
  readonly #resources: AsyncDisposableStack

  private constructor(
    server: PostgresServer,
    { url, database, site }: Pick<PostgresGround, 'url' | 'database' | 'site'>,
    resources: AsyncDisposableStack,
  ) {
    this.server = server
    this.url = url
    this.database = database
    this.site = site
    this.#resources = resources
  }

  /** `filled`: rows that `by_number` holds from the start. */
  static async make(server: PostgresServer, filled: number): Promise<PostgresGround> {
    await using resources = new AsyncDisposableStack()
    const folder = await groundFolder(resources)
    const url = await server.createDatabase()
    const database = decodeURIComponent(new URL(url).pathname.slice(1))
    resources.defer(() => dropDatabase(server, database))
    await server.sql(createTables(filled), [], database)
    const site = await layOut(folder, { type: 'postgres', url, tables: TABLES.map(table => `public.${table}`) })
    return new PostgresGround(server, { url, database, site }, resources.move())
  }

  async head(): Promise<string> {
    const [row] = await this.server.sql('SELECT pg_current_wal_insert_lsn() AS lsn', [], this.database)
    return row!.lsn!
  }

  behind(head: string, position: string): number {
    return Math.max(0, Number(lsn(head) - lsn(position)))
  }

  async *rows(table: TableName): AsyncGenerator<TextRow> {
    const client = await this.server.connect(this.database)
    try {
      await client.query("BEGIN; SET LOCAL timezone = 'UTC'")
      await client.query(`DECLARE rows NO SCROLL CURSOR FOR SELECT ${columns(table).join(', ')} FROM ${table}`)
      for (;;) {
        const { rows } = await client.query<TextRow>(`FETCH ${PAGE_ROWS} FROM rows`)
        if (rows.length === 0) return
        yield* rows
      }
    } finally {
      await client.end()
    }
  }

  inFiles(table: TableName, row: TextRow): string {
    return expectedJson(table, row)
  }

  inRows(row: TextRow): string {
    return JSON.stringify(Object.values(row))
  }

  watch(durable: () => Promise<string | undefined>): Promise<AckWatch> {
    return SlotWatch.start(this.server, this.database, durable)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync()
  }
}

async function dropDatabase(server: PostgresServer, database: string): Promise<void> {
  await server.sql(
    'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = $1 AND active_pid IS NOT NULL',
    [database],
  )
  await server.sql(`DROP DATABASE IF EXISTS "${database}" WITH (FORCE)`).catch(() => {})
}
