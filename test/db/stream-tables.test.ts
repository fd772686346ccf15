import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { StreamRig } from '../support/postgres-source.ts'

describe('tables in the stream of PostgreSQL', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(async () => server?.[Symbol.asyncDispose]())

  async function begin(ddl: string, options: ConstructorParameters<typeof StreamRig>[1] = {}) {
    const url = await server.createDatabase()
    const sql = (text: string): Promise<unknown> => server.sql(text, [], new URL(url).pathname.slice(1))
    await sql(ddl)
    const rig = new StreamRig(url, options)
    await rig.begin()
    return { rig, sql }
  }

  it('without a key bring inserts and truncates, and stay writable at the source', async () => {
    const { rig, sql } = await begin('CREATE TABLE events (what text); CREATE TABLE t (id int PRIMARY KEY)', {
      appendOnly: ['public.events'],
    })
    await sql("INSERT INTO events VALUES ('a'); INSERT INTO t VALUES (1); UPDATE events SET what = 'b'")
    await sql('TRUNCATE events; DELETE FROM t')
    await rig.run(() => rig.log.transactions.length === 2)
    expect(rig.log.texts).toEqual([
      'c app.public.events ["a"]',
      'c app.public.t [1]',
      't app.public.events',
      expect.stringMatching(/^d app.public.t /),
    ])
  })

  it('in partitions are one table, also for a row that moves between them', async () => {
    const { rig, sql } = await begin(`
      CREATE TABLE t (id int, part int, PRIMARY KEY (id, part)) PARTITION BY LIST (part);
      CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2)`)
    await sql('INSERT INTO t VALUES (1, 1); UPDATE t SET part = 2; TRUNCATE t; INSERT INTO t VALUES (2, 2)')
    await rig.run(() => rig.log.transactions.length === 1)
    expect(rig.log.texts).toEqual([
      'c app.public.t [1,1]',
      expect.stringMatching(/^d app.public.t /),
      'c app.public.t [1,2]',
      't app.public.t',
      'c app.public.t [2,2]',
    ])
  })

  it('may have any name, and so may the publication', async () => {
    const publication = `it's "odd", 100% \\`
    const { rig, sql } = await begin(`CREATE TABLE "x""; DROP TABLE y; --" ("a.b" int PRIMARY KEY, "__proto__" text)`, {
      publication,
      slot: `odd_${Date.now()}`,
    })
    await sql(`INSERT INTO "x""; DROP TABLE y; --" VALUES (1, 'kept')`)
    await rig.run(() => rig.log.transactions.length === 1)
    const [table] = rig.log.resume()!.tables
    expect(table).toMatchObject({ table: 'x"; DROP TABLE y; --', columns: [{ name: 'a.b' }, { name: '__proto__' }] })
    expect(rig.log.texts).toHaveLength(1)
    expect(await rig.startError()).toBeUndefined()
  })

  it('that were dropped and made again begin a new life, and ones renamed go on under their name', async () => {
    const all = 'CREATE PUBLICATION own FOR ALL TABLES'
    const made = await begin(`CREATE TABLE t (id int PRIMARY KEY); ${all}`, { publication: 'own' })
    await made.sql('INSERT INTO t VALUES (0)')
    await made.sql('DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)')
    await made.rig.run(() => made.rig.log.transactions.length === 1)
    // What is left of the old one is of no use any more.
    expect(made.rig.log.texts).toEqual(['c app.public.t [1]'])
    expect(made.rig.log.resume()!.tables.map(({ incarnation }) => incarnation)).toEqual([1, 2])
    const renamed = await begin('CREATE TABLE t (id int PRIMARY KEY)', { tables: ['public.t'] })
    await renamed.sql('INSERT INTO t VALUES (0)')
    const rename = async (): Promise<void> => {
      if (renamed.rig.log.rows.length === 1) await renamed.sql('ALTER TABLE t RENAME TO u; INSERT INTO u VALUES (1)')
    }
    await renamed.rig.run(() => renamed.rig.log.transactions.length === 2, { each: rename })
    expect(renamed.rig.log.texts).toEqual(['c app.public.t [0]', 'c app.public.t [1]'])
  })
})
