import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { postgresConfig } from '../../connectors/postgres/config.ts'
import { DDL_TRIGGER } from '../../connectors/postgres/ddl-trigger.ts'
import { PostgresSource } from '../../connectors/postgres/source.ts'
import type { LoadRequest } from '../../runtime/contract.ts'
import { createLogger } from '../../runtime/logger.ts'
import { type PostgresServer, startPostgres, type TextRow } from '../support/postgres.ts'
import { StreamRig } from '../support/postgres-source.ts'
import { until } from '../support/until.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server[Symbol.asyncDispose]())

const OFTEN_MS = 100
/** Much may happen in between. */
const SELDOM_MS = 1500
/** A test is over long before. */
const NEVER_MS = 1e8

/** A source at work over table `t`, and the loads that it asks for. */
class Watched implements AsyncDisposable {
  readonly asked: LoadRequest[] = []
  readonly sql: (text: string) => Promise<TextRow[]>
  readonly #source: PostgresSource
  readonly #ending = new AbortController()
  /** That the stream has brought. */
  changes = 0
  #working: Promise<unknown> = Promise.resolve()

  private constructor(database: string, source: PostgresSource) {
    this.sql = text => server.sql(text, [], database)
    this.#source = source
  }

  static async over(ddl: string, watchMs: number): Promise<Watched> {
    const url = await server.createDatabase()
    const database = new URL(url).pathname.slice(1)
    await server.sql(`CREATE TABLE o (id serial PRIMARY KEY); ${ddl}`, [], database)
    const rig = new StreamRig(url)
    await rig.begin()
    const context = { pipeline: rig.pipeline, name: 'app', logger: createLogger('silent'), folder: '' }
    const watched = new Watched(
      database,
      new PostgresSource(postgresConfig.parse({ url, tables: ['public.*'] }), context, { watchMs }),
    )
    await watched.#start(rig)
    return watched
  }

  async #start(rig: StreamRig): Promise<void> {
    const { signal } = this.#ending
    await this.#source.start(rig.log.resume(), signal)
    const stream = async (): Promise<void> => {
      for await (const { count } of this.#source.changes(signal)) this.changes += count
    }
    const due = async (): Promise<void> => {
      for await (const request of this.#source.due(signal)) this.asked.push(request)
    }
    this.#working = Promise.allSettled([stream(), due()])
    await this.streamed()
  }

  /** The stream has come to here. */
  async streamed(): Promise<void> {
    const before = this.changes
    await this.sql('INSERT INTO o DEFAULT VALUES')
    await until(() => this.changes > before, 'the stream has come to here')
  }

  async askedFor(table: string): Promise<LoadRequest> {
    const asked = (): LoadRequest | undefined => this.asked.find(request => request.table.table === table)
    await until(() => asked() !== undefined, `${table} is to be read`)
    return asked()!
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    await this.#working
    await this.#source[Symbol.asyncDispose]()
  }
}

const TABLE = 'CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i FROM generate_series(1, 100) i'

describe('the catalog', () => {
  it.each([
    ['VACUUM FULL', 'VACUUM FULL t'],
    ['CLUSTER', 'CLUSTER t USING t_pkey'],
    ['TRUNCATE', 'TRUNCATE t'],
  ])('shows that no row is another one after %s: nothing is read again', async (_what, ddl) => {
    await using watched = await Watched.over(TABLE, OFTEN_MS)
    await watched.sql(ddl)
    await watched.sql('CREATE TABLE later (id int PRIMARY KEY)')
    await watched.askedFor('later')
    expect(watched.asked.map(({ table }) => table.table)).toEqual(['later'])
  })

  it('shows values of the same type that were rewritten, also behind a VACUUM FULL', async () => {
    await using watched = await Watched.over(TABLE, OFTEN_MS)
    await watched.sql('VACUUM FULL t')
    await watched.sql("ALTER TABLE t ALTER COLUMN v TYPE text USING 'other'")
    expect(await watched.askedFor('t')).toMatchObject({ scope: { kind: 'all' }, sweep: true })
  })

  it('cannot tell a truncated partition from one that was only rewritten: both are read again', async () => {
    await using watched = await Watched.over(
      'CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (1) TO (9)',
      OFTEN_MS,
    )
    await watched.sql('VACUUM FULL t1')
    expect(await watched.askedFor('t')).toMatchObject({ scope: { kind: 'all' }, sweep: true })
  })
})

/** Of the database's one publication. */
const alterPublication = (...changes: string[]): string =>
  `DO $$ BEGIN ${changes
    .map(change => `EXECUTE format('ALTER PUBLICATION %I ${change}', (SELECT pubname FROM pg_publication));`)
    .join(' ')} END $$`
const AWAY = alterPublication('DROP TABLE t', 'ADD TABLE t')
const IS_PUBLISHED = "SELECT FROM pg_publication_tables WHERE tablename = 'later'"

it('a table that is taken out of the publication as soon as it was put in is put in once more', async () => {
  await using watched = await Watched.over(TABLE, SELDOM_MS)
  await watched.sql('CREATE TABLE later (id int PRIMARY KEY)')
  await watched.askedFor('later')
  await watched.sql(alterPublication('DROP TABLE later'))
  await until(async () => (await watched.sql(IS_PUBLISHED)).length === 1, 'it is published')
})

describe('a table that was taken out of the publication and put back', () => {
  it('is read again, though the publication looks as it did', async () => {
    await using watched = await Watched.over(TABLE, OFTEN_MS)
    await watched.sql(AWAY)
    expect(await watched.askedFor('t')).toMatchObject({ scope: { kind: 'all' }, beside: true, sweep: true })
    await watched.sql('CREATE TABLE later (id int PRIMARY KEY)')
    await watched.askedFor('later')
    expect(watched.asked).toHaveLength(2)
  })

  it('is read again also if nobody looked meanwhile', async () => {
    const url = await server.createDatabase()
    const database = new URL(url).pathname.slice(1)
    await server.sql(TABLE, [], database)
    const rig = new StreamRig(url)
    await rig.begin()
    const requests = async () => {
      await using source = rig.open()
      return await source.start(rig.log.resume(), AbortSignal.timeout(30_000))
    }
    expect(await requests()).toEqual([])
    await server.sql(AWAY, [], database)
    expect(await requests()).toMatchObject([{ table: { table: 't' }, beside: true, sweep: true }])
  })
})

describe('with the event trigger', () => {
  it('DDL is noticed when the stream comes to it, long before the catalog is looked at', async () => {
    await using watched = await Watched.over([TABLE, ...DDL_TRIGGER].join(';'), NEVER_MS)
    await watched.sql("ALTER TABLE t ALTER COLUMN v TYPE text USING 'other'")
    expect(await watched.askedFor('t')).toMatchObject({ scope: { kind: 'all' }, sweep: true })
    await watched.sql('CREATE TABLE later (id int PRIMARY KEY)')
    await watched.askedFor('later')
  })

  it('messages of others, temporary tables and DDL that was rolled back are passed over', async () => {
    await using watched = await Watched.over([TABLE, ...DDL_TRIGGER].join(';'), NEVER_MS)
    // Would be asked for at any look.
    await watched.sql('ALTER EVENT TRIGGER tailrace_ddl DISABLE')
    await watched.sql('CREATE TABLE later (id int PRIMARY KEY)')
    await watched.sql('ALTER EVENT TRIGGER tailrace_ddl ENABLE')
    await watched.sql("SELECT pg_logical_emit_message(true, 'tailrace.ddl2', 'x')")
    await watched.sql("SELECT pg_logical_emit_message(true, 'orders', repeat('x', 100000))")
    await watched.sql('CREATE TEMPORARY TABLE scratch (id int); ALTER TABLE scratch ADD COLUMN v text')
    await watched.sql('BEGIN; ALTER TABLE t ADD COLUMN w int DEFAULT 5; ROLLBACK')
    await watched.streamed()
    expect(watched.asked).toEqual([])
    await watched.sql('ALTER TABLE later ADD COLUMN v text')
    await watched.askedFor('later')
  })
})
