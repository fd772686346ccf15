import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { PostgresServer } from '../support/postgres.ts'
import { layOut, type Site } from './pipeline-process.ts'
import { createTables } from './tables.ts'

/** A database with the writer's tables, and a folder with the configuration of a pipeline over it. Gone afterwards. */
export class Ground implements AsyncDisposable {
  readonly url: string
  readonly database: string
  readonly site: Site
  readonly #resources: AsyncDisposableStack

  private constructor(url: string, database: string, site: Site, resources: AsyncDisposableStack) {
    this.url = url
    this.database = database
    this.site = site
    this.#resources = resources
  }

  /** `filled`: rows that `by_number` holds from the start. */
  static async make(server: PostgresServer, filled: number): Promise<Ground> {
    await using resources = new AsyncDisposableStack()
    const folder = await mkdtemp(join(tmpdir(), 'tailrace-oracle-'))
    resources.defer(() => rm(folder, { recursive: true, force: true }))
    const url = await server.createDatabase()
    const database = decodeURIComponent(new URL(url).pathname.slice(1))
    resources.defer(() => dropDatabase(server, database))
    await server.sql(createTables(filled), [], database)
    return new Ground(url, database, await layOut(folder, url), resources.move())
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
