/** A table in a pipeline with a sink, for what happens to a source whose stream cannot go on. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { loadConfig } from '../../config/load.ts'
import type { Cursor } from '../../runtime/contract.ts'
import { createLogger } from '../../runtime/logger.ts'
import { runPipeline } from '../../runtime/pipeline/run.ts'
import type { Pipeline } from '../../runtime/pipeline.ts'
import type { SourceStatus } from '../../runtime/status.ts'
import type { PostgresServer, TextRow } from './postgres.ts'
import { until } from './until.ts'

const TIMEOUT_MS = 600_000
const POLL_MS = 10
export const TABLE = 'app.public.item'

/** Rows that are looked for while a resync runs. */
const STEADY = 1000

/** What differs between the table and the log, in rows. */
export interface Difference {
  readonly changed: number
  readonly deleted: number
  readonly added: number
}

export interface Resynced {
  /** Changes that were appended for it, by kind. */
  readonly appended: Readonly<Record<string, number>>
  readonly keys: number
  /** The most of the steady rows that the sink ever lacked, and how often it was looked at. */
  readonly missed: number
  readonly polls: number
}

export class ResyncRig implements AsyncDisposable {
  readonly database: string
  readonly #server: PostgresServer
  readonly #folder: string
  readonly #rows: number
  #steady: number[] = []
  #pipeline: Pipeline | undefined

  private constructor(server: PostgresServer, database: string, folder: string, rows: number) {
    this.#server = server
    this.database = database
    this.#folder = folder
    this.#rows = rows
  }

  /** Loaded and applied, and stopped again. */
  static async open(server: PostgresServer, rows: number, pad = 0): Promise<ResyncRig> {
    const database = new URL(await server.createDatabase()).pathname.slice(1)
    const rig = new ResyncRig(server, database, await mkdtemp(join(tmpdir(), 'tailrace-resync-')), rows)
    await rig.makeTable(server, pad)
    await rig.configure(server)
    await rig.start()
    await rig.stop()
    return rig
  }

  /** One row in a hundred has a note that the server does not send again with an update of the others. */
  async makeTable(server: PostgresServer, pad = 0, former = ''): Promise<void> {
    await this.sql(
      `CREATE TABLE item (${former} id int PRIMARY KEY, name text, price numeric(20,6), note text);
       ALTER TABLE item ALTER note SET STORAGE EXTERNAL;
       INSERT INTO item (id, name, price, note)
         SELECT i, 'item ' || i || repeat('x', ${pad}), i * 1.000001, CASE WHEN i % 100 = 0 THEN repeat(md5(i::text), 100) ELSE '' END
         FROM generate_series(1, ${this.#rows}) i;
       ANALYZE item`,
      server,
    )
  }

  /** The source is this server, whichever it was before. */
  async configure(server: PostgresServer, extra = ''): Promise<void> {
    await writeFile(
      join(this.#folder, 'tailrace.yaml'),
      `pipeline: ${this.database}
log:
  path: ./data
sources:
  app:
    type: postgres
    url: ${server.url(this.database)}
    tables: [public.item]
${extra}sinks:
  copy:
    type: sqlite
    path: ./copy.db
http: false
`,
    )
  }

  get slot(): string {
    return `tailrace_${this.database}_app`
  }

  get pipeline(): Pipeline {
    if (this.#pipeline === undefined) throw new Error('the pipeline does not run')
    return this.#pipeline
  }

  sql(text: string, server = this.#server): Promise<TextRow[]> {
    return server.sql(text, [], this.database)
  }

  async start(resynced: readonly string[] = []): Promise<void> {
    await this.open(resynced)
    await this.pipeline.wait(undefined, AbortSignal.timeout(TIMEOUT_MS))
  }

  /** Without waiting for anything. */
  async open(resynced: readonly string[] = []): Promise<void> {
    const config = await loadConfig(join(this.#folder, 'tailrace.yaml'))
    this.#pipeline = await runPipeline(config, createLogger('silent'), new Set(resynced))
    this.#pipeline.started.catch(() => {})
  }

  async stop(): Promise<void> {
    await this.#pipeline?.stop()
    this.#pipeline = undefined
  }

  async source(): Promise<SourceStatus> {
    return (await this.pipeline.status()).sources.app!
  }

  /** Starts, and answers the error that the source failed with. */
  async failure(): Promise<SourceStatus['error']> {
    await this.open()
    await until(async () => (await this.source()).state === 'failed', 'the source has failed', 60)
    return (await this.source()).error
  }

  /** All over the table. */
  async differ({ changed, deleted, added }: Difference, seed: number, server = this.#server): Promise<void> {
    const picked = `SELECT id, row_number() OVER (ORDER BY md5(id || '/${seed}')) AS n FROM item`
    const steady = await this.sql(
      `CREATE TABLE picked AS ${picked};
       UPDATE item SET price = price + 0.000001 WHERE id IN (SELECT id FROM picked WHERE n <= ${changed});
       DELETE FROM item WHERE id IN (SELECT id FROM picked WHERE n > ${changed} AND n <= ${changed + deleted});
       INSERT INTO item SELECT i, NULL, i, '' FROM generate_series(${this.#rows + 1}, ${this.#rows + added}) i;
       SELECT id FROM picked WHERE n > ${this.#rows - STEADY} ORDER BY id`,
      server,
    )
    await this.sql('DROP TABLE picked', server)
    this.#steady = steady.map(({ id }) => Number(id))
  }

  /** By the command, to its end. */
  async resync(): Promise<Resynced> {
    const from = this.pipeline.log('app').end()!
    const polled = this.poll()
    await this.command()
    await this.pipeline.wait(undefined, AbortSignal.timeout(TIMEOUT_MS))
    return { ...(await this.appended(from)), ...polled() }
  }

  /** Returns once it is taken on. */
  async command(): Promise<void> {
    const options = { tables: undefined, resnapshot: true, yes: false }
    await this.pipeline.backfill('app', options, AbortSignal.timeout(TIMEOUT_MS))
  }

  /** Looks every 10 ms for the rows that no difference concerns, until the answer is called. */
  poll(): () => { missed: number; polls: number } {
    const database = new DatabaseSync(join(this.#folder, 'copy.db'), { readOnly: true, timeout: 10_000 })
    const ids = JSON.stringify(this.#steady)
    const count = database.prepare('SELECT count(*) AS n FROM public_item WHERE id IN (SELECT value FROM json_each(?))')
    const seen = { missed: 0, polls: 0 }
    const look = (): void => {
      const { n } = count.get(ids) as { n: number }
      seen.missed = Math.max(seen.missed, this.#steady.length - n)
      seen.polls++
    }
    look()
    const timer = setInterval(look, POLL_MS)
    return () => {
      clearInterval(timer)
      look()
      database.close()
      return seen
    }
  }

  /** Changes of rows behind the cursor, by kind, and of how many keys. */
  async appended(from: Cursor): Promise<{ appended: Record<string, number>; keys: number }> {
    const log = this.pipeline.log('app')
    const appended: Record<string, number> = {}
    const keys = new Set<string>()
    const end = log.end()!
    for await (const batch of log.read(from, () => true, AbortSignal.timeout(TIMEOUT_MS))) {
      for (const { kind, key } of batch) {
        if (kind === 's') continue
        appended[kind] = (appended[kind] ?? 0) + 1
        keys.add(Buffer.from(key).toString('latin1'))
      }
      if (log.compare(batch.cursor, end) !== 'before') break
    }
    return { appended, keys: keys.size }
  }

  /** Rows of the sink's table of which this is so. */
  count(condition: string): number {
    using database = new DatabaseSync(join(this.#folder, 'copy.db'), { readOnly: true, timeout: 10_000 })
    return (database.prepare(`SELECT count(*) AS n FROM public_item WHERE ${condition}`).get() as { n: number }).n
  }

  /** The rows on both sides, by key. */
  async sides(server = this.#server): Promise<{ source: string[]; sink: string[] }> {
    const source = await this.sql(`SELECT ${LINE} AS line FROM item ORDER BY id`, server)
    using database = new DatabaseSync(join(this.#folder, 'copy.db'), { readOnly: true, timeout: 10_000 })
    const sink = database.prepare(`SELECT ${LINE} AS line FROM public_item ORDER BY id`).all()
    return { source: source.map(({ line }) => line!), sink: sink.map(({ line }) => String(line)) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
    await rm(this.#folder, { recursive: true, force: true })
  }
}

const LINE = "id || '|' || coalesce(name, '(null)') || '|' || price || '|' || note"
