import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { DdlPlace } from '../support/ddl-place.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { until } from '../support/until.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server[Symbol.asyncDispose]())

const TABLE = 'CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, NULL), (2, NULL);'

describe('beside a running stream', () => {
  it('a table that a star matches is published and loaded, and no other waits for that', async () => {
    await using place = await DdlPlace.over(server, TABLE, { tables: ['public.*'] })
    const writer = await server.connect(place.database)
    // What has written before the table was published keeps its load waiting.
    await writer.query("BEGIN; INSERT INTO t VALUES (3, 'open')")
    // One transaction: all of its rows lie before the table is published.
    await place.sql(
      "CREATE TABLE later (id int PRIMARY KEY, v text); INSERT INTO later SELECT i, repeat('x', 100) FROM generate_series(1, 20000) i",
    )
    const isLoading = async (): Promise<boolean> =>
      (await place.app()).tables.some(({ table, state }) => table === 'app.public.later' && state === 'loading')
    await until(isLoading, 'the table is to be loaded')
    await place.sql("UPDATE t SET v = 'meanwhile' WHERE id = 1; INSERT INTO later VALUES (0, 'streamed')")
    await place.equal('t')
    expect(await isLoading()).toBe(true)
    expect(place.sink('later', ['"id"'])).toEqual(['["0"]'])
    await writer.query('COMMIT')
    await writer.end()
    await place.equal('later')
    await place.equal('t')
  }, 120_000)

  it('a table that is dropped leaves its rows, the others go on, and one made anew takes its place', async () => {
    await using place = await DdlPlace.over(server, `${TABLE} CREATE TABLE u (id int PRIMARY KEY)`, {
      tables: ['public.t', 'public.u'],
    })
    await place.sql('DROP TABLE t')
    await place.sql('INSERT INTO u VALUES (1)')
    await place.equal('u')
    expect(place.sink('t', ['"id"'])).toEqual(['["1"]', '["2"]'])
    // A start finds it gone as well.
    await place.pipeline.pause({ source: 'app' })
    await place.pipeline.resume({ source: 'app' })
    await place.sql('INSERT INTO u VALUES (2)')
    await place.equal('u')
    expect(place.sink('t', ['"id"'])).toEqual(['["1"]', '["2"]'])
    await place.sql('CREATE TABLE t (id int PRIMARY KEY, w text)')
    await place.sql("INSERT INTO t VALUES (3, 'three')")
    await place.equal('t')
  }, 120_000)

  it('a table that was renamed while nothing ran, changed, and came back is read again', async () => {
    await using place = await DdlPlace.over(server, `${TABLE} CREATE TABLE u (id int PRIMARY KEY)`, {
      tables: ['public.t', 'public.u'],
    })
    await place.pipeline.pause({ source: 'app' })
    await place.sql('ALTER TABLE t RENAME TO away')
    await place.pipeline.resume({ source: 'app' })
    await place.sql(
      "UPDATE away SET v = 'unseen' WHERE id = 1; DELETE FROM away WHERE id = 2; INSERT INTO u VALUES (1)",
    )
    await place.equal('u')
    await place.pipeline.pause({ source: 'app' })
    await place.sql('ALTER TABLE away RENAME TO t')
    await place.pipeline.resume({ source: 'app' })
    await place.equal('t')
  }, 120_000)

  it('a table that somebody else must publish is taken up once that is done', async () => {
    await using place = await DdlPlace.over(server, `${TABLE} CREATE PUBLICATION owners FOR TABLE t`, {
      publication: 'owners',
    })
    await place.sql("DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (5, 'five')")
    await place.sql("INSERT INTO t VALUES (6, 'six')")
    expect(await place.app()).toMatchObject({ state: 'running', error: null })
    await place.sql('ALTER PUBLICATION owners ADD TABLE t')
    await place.equal('t')
    // Taken out again, it waits with what it missed.
    await place.sql('ALTER PUBLICATION owners DROP TABLE t')
    await place.sql("UPDATE t SET v = 'missed'")
    await until(async () => (await place.app()).tables.some(({ state }) => state !== 'streaming'), 'its load waits')
    await place.sql('ALTER PUBLICATION owners ADD TABLE t')
    await place.equal('t')
  }, 120_000)
})
