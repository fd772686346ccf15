/** What the rows of an outbox, and messages, become in the log. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type pg from 'pg'
import type { Batch } from '../../runtime/contract.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { StreamRig } from '../support/postgres-source.ts'

const OUTBOX = `CREATE TABLE outbox (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, aggregatetype text,
  aggregateid text, type text, payload jsonb, internal text)`
const INSERT = 'INSERT INTO outbox (aggregatetype, aggregateid, type, payload) VALUES'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server?.[Symbol.asyncDispose]())

type Options = ConstructorParameters<typeof StreamRig>[1]

/** A rig over a database with these tables, and a connection. */
async function place(ddl: string, options: Options = {}): Promise<{ rig: StreamRig; client: pg.Client; url: string }> {
  const url = await server.createDatabase()
  const client = await server.connect(new URL(url).pathname.slice(1))
  await client.query(ddl)
  return { rig: new StreamRig(url, { tables: [], outbox: { table: 'public.outbox' }, ...options }), client, url }
}

const texts = (rig: StreamRig): string[] => rig.log.texts.map(text => text.replace('app.outbox.', ''))

/** Everything in the log, loads too, without definitions. */
function allTexts(rig: StreamRig): string[] {
  const lines = rig.log.units.flatMap(unit => unit.lines).map(({ text }) => text)
  return lines.filter(text => !text.startsWith('s ')).map(text => text.replace('app.outbox.', ''))
}

describe('an outbox of PostgreSQL', () => {
  it('puts each row into the table of its type, in the order of the transaction and beside its other changes', async () => {
    const { rig, client } = await place(`${OUTBOX}; CREATE TABLE orders (id int PRIMARY KEY, total int)`, {
      tables: ['public.*'],
    })
    await rig.begin()
    await client.query(`BEGIN; INSERT INTO orders VALUES (1, 10);
      ${INSERT} ('order', '1', 'placed', '{"total": 10}');
      UPDATE orders SET total = 11; ${INSERT} ('invoice', '1', 'drawn', '[]'), ('order', '1', 'changed', NULL); COMMIT`)
    await client.end()
    await rig.run(() => rig.log.transactions.length === 1)
    expect(texts(rig)).toEqual([
      'c app.public.orders [1,10]',
      String.raw`c order ["1","order","1","placed","{\"total\": 10}"]`,
      'u app.public.orders [1,11]',
      'c invoice ["2","invoice","1","drawn","[]"]',
      'c order ["3","order","1","changed",null]',
    ])
    const { tables } = rig.log.resume()!
    const [carrier, order] = ['app.public.outbox', 'app.outbox.order'].map(
      name => tables.find(one => one.name === name)!,
    )
    expect(carrier).toMatchObject({ routed: true, appendOnly: true, key: [], excluded: ['internal'] })
    expect(order).toMatchObject({ schema: 'outbox', table: 'order', appendOnly: true, key: [], version: 1 })
    expect(order!.columns.map(({ name, type }) => [name, type.kind])).toEqual([
      ['id', 'int64'],
      ['aggregatetype', 'text'],
      ['aggregateid', 'text'],
      ['type', 'text'],
      ['payload', 'json'],
    ])
    expect(rig.log.rows.some(({ text }) => text.includes('app.public.outbox'))).toBe(false)
  })

  it('keeps events whose rows were deleted in the same transaction; updates, deletes and truncates are none', async () => {
    const { rig, client } = await place(OUTBOX)
    await rig.begin()
    await client.query(`BEGIN; ${INSERT} ('order', '1', 'placed', '1'); DELETE FROM outbox; COMMIT`)
    await client.query(`${INSERT} ('order', '2', 'placed', '2')`)
    await client.query(`UPDATE outbox SET type = 'other'; DELETE FROM outbox`)
    await client.query(`BEGIN; ${INSERT} ('order', '3', 'placed', '3'); TRUNCATE outbox; COMMIT`)
    await client.end()
    await rig.run(() => rig.log.rows.length === 3)
    expect(texts(rig)).toEqual([1, 2, 3].map(n => `c order ["${n}","order","${n}","placed","${n}"]`))
  })

  it('takes rows without a primary key, and passes over updates that somebody else’s publication sends', async () => {
    const { rig, client, url } = await place(
      `CREATE TABLE outbox (id uuid, aggregatetype varchar(20), aggregateid int, type text, payload bytea);
       ALTER TABLE outbox REPLICA IDENTITY FULL`,
    )
    const name = `tailrace_${new URL(url).pathname.slice(1).replaceAll('-', '_')}_app_append`
    await client.query(`CREATE PUBLICATION "${name}" FOR TABLE outbox`)
    await rig.begin()
    const id = '00000000-0000-0000-0000-00000000000'
    await client.query(`INSERT INTO outbox VALUES ('${id}1', 'a', 1, 'x', '\\x00ff')`)
    await client.query(`UPDATE outbox SET type = 'y'; DELETE FROM outbox`)
    await client.query(`INSERT INTO outbox VALUES ('${id}2', 'a', 2, 'z', NULL)`)
    await client.end()
    await rig.run(() => rig.log.rows.length === 2)
    expect(texts(rig)).toEqual([`c a ["${id}1","a",1,"x","AP8="]`, `c a ["${id}2","a",2,"z",null]`])
    expect(rig.log.transactions).toHaveLength(2)
  })

  it('gives types names that no other name can be taken for, and those without one a table of their own', async () => {
    const { rig, client } = await place(OUTBOX)
    await rig.begin()
    const types = ['a.b', 'a"b', 'a b', '*', '🦆', 'é'.repeat(150), '__proto__', 'public.outbox', '_untyped']
    const untyped = [null, '', 'x'.repeat(513)]
    for (const type of [...types, ...untyped])
      await client.query('INSERT INTO outbox (aggregatetype) VALUES ($1)', [type])
    await client.end()
    await rig.run(() => rig.log.rows.length === types.length + untyped.length)
    const tables = rig.log.resume()!.tables.filter(({ schema }) => schema === 'outbox')
    expect(tables.map(({ table }) => table)).toEqual(types)
    expect(new Set(tables.map(({ name }) => name)).size).toBe(types.length)
    expect(texts(rig).slice(-4)).toEqual([
      'c _untyped ["9","_untyped",null,null,null]',
      'c _untyped ["10",null,null,null,null]',
      'c _untyped ["11","",null,null,null]',
      `c _untyped ["12","${'x'.repeat(513)}",null,null,null]`,
    ])
  })

  it('has the rows of before read once, in their order, and no row twice or never over restarts', async () => {
    const { rig, client } = await place(
      `${OUTBOX.replace('internal text', 'at int')}; CREATE TABLE one (id int PRIMARY KEY)`,
      { tables: ['public.*'], outbox: { table: 'public.outbox', columns: { timestamp: 'at' } } },
    )
    await client.query(`INSERT INTO outbox (aggregatetype, at) SELECT 't' || n % 2, 4 - n FROM generate_series(1, 4) n`)
    await rig.begin()
    expect(allTexts(rig)).toEqual([
      'r t0 ["4","t0",null,null,null,0]',
      'r t1 ["3","t1",null,null,null,1]',
      'r t0 ["2","t0",null,null,null,2]',
      'r t1 ["1","t1",null,null,null,3]',
    ])
    const before = rig.log.resume()!.tables
    for (let n = 5; n < 10; n++) {
      await client.query(`INSERT INTO outbox (aggregatetype) VALUES ('t0'), ('t${n}')`)
      // Once without an acknowledgement: the server sends it again.
      await rig.run(() => rig.log.rows.length === 2 * (n - 4), { ack: n % 2 === 0 })
    }
    await client.end()
    const ids = allTexts(rig).map(text => JSON.parse(text.slice(text.indexOf('[')))[0])
    expect(ids.slice(4)).toEqual(Array.from({ length: 10 }, (_, i) => String(i + 5)))
    const { tables } = rig.log.resume()!
    expect(tables.slice(0, before.length)).toEqual(before)
    expect(tables.map(({ name }) => name).sort()).toEqual(
      ['one', 'outbox']
        .map(name => `app.public.${name}`)
        .concat(['t0', 't1', 't5', 't6', 't7', 't8', 't9'].map(t => `app.outbox.${t}`))
        .sort(),
    )
  })

  it('loses none and repeats none where the reader is stopped inside a transaction', async () => {
    const { rig, client } = await place(OUTBOX)
    await rig.begin()
    const many = 60_000
    await client.query(`INSERT INTO outbox (aggregatetype, payload)
      SELECT 't' || n % 10, jsonb_build_object('pad', repeat('x', 150)) FROM generate_series(1, ${many}) n`)
    await client.end()
    const stopped = new Error('stopped amid the transaction')
    const stop = async ({ end }: Batch): Promise<void> => {
      if (end === undefined) throw stopped
    }
    await expect(rig.run(() => false, { each: stop })).rejects.toBe(stopped)
    await rig.run(() => rig.log.rows.length >= many)
    const ids = rig.log.rows.map(({ text }) => JSON.parse(text.slice(text.indexOf('[')))[0])
    expect(ids).toEqual(Array.from({ length: many }, (_, i) => String(i + 1)))
    expect(rig.log.transactions).toHaveLength(1)
  })

  it('begins anew, with the tables of events emptied, where the first load was interrupted', async () => {
    const { rig, client } = await place(OUTBOX)
    await client.query(`INSERT INTO outbox (aggregatetype, payload)
      SELECT 't' || n % 2, jsonb_build_object('pad', repeat('x', 500)) FROM generate_series(1, 12000) n`)
    {
      const signal = AbortSignal.timeout(20_000)
      await using source = rig.open()
      const [request] = await source.start(undefined, signal)
      for await (const chunk of source.load(request!, signal)) {
        rig.log.append(chunk.rows)
        if (allTexts(rig).length > 0) break
      }
    }
    const seen = allTexts(rig).length
    expect(seen).toBeGreaterThan(0)
    expect(seen).toBeLessThan(12_000)
    await client.query(`INSERT INTO outbox (aggregatetype) VALUES ('t2')`)
    await client.end()
    await rig.begin()
    const again = allTexts(rig).slice(seen)
    expect(again.slice(0, 2).sort()).toEqual(['t t0', 't t1'])
    expect(again.slice(2).map(text => JSON.parse(text.slice(text.indexOf('[')))[0])).toEqual(
      Array.from({ length: 12_001 }, (_, i) => String(i + 1)),
    )
  })

  it('follows columns of the outbox into a new version of each type, and stops where one is missing', async () => {
    const { rig, client } = await place(OUTBOX, {
      outbox: { table: 'public.outbox', columns: { additional: ['internal'] } },
    })
    await rig.begin()
    await client.query(`${INSERT} ('a', '1', 'x', '1')`)
    await client.query(
      'ALTER TABLE outbox ALTER COLUMN aggregateid TYPE int USING aggregateid::int, ADD COLUMN more int',
    )
    await client.query(`${INSERT} ('a', 2, 'x', '2')`)
    await rig.run(() => rig.log.rows.length === 2)
    expect(texts(rig)).toEqual(['c a ["1","a","1","x","1",null]', 'c a ["2","a",2,"x","2",null]'])
    const versions = rig.log.resume()!.tables.filter(({ table }) => table === 'a')
    expect(versions.map(({ incarnation, version }) => [incarnation, version])).toEqual([
      [1, 1],
      [1, 2],
    ])
    await client.query('ALTER TABLE outbox DROP COLUMN payload')
    await client.query(`INSERT INTO outbox (aggregatetype) VALUES ('a')`)
    await client.end()
    expect(await rig.startError()).toMatchObject({
      code: 'OUTBOX_COLUMNS',
      message: expect.stringContaining('payload'),
    })
  })

  it('stops at one type more than may be, and goes on with all of them once more are allowed', async () => {
    const { rig, client, url } = await place(OUTBOX, { outbox: { table: 'public.outbox', maxTypes: 2 } })
    await rig.begin()
    await client.query(`BEGIN; ${INSERT} ('a', '1', 'x', '1'), ('b', '1', 'x', '1'), ('c', '1', 'x', '1'); COMMIT`)
    await client.end()
    expect(await rig.streamError()).toMatchObject({ code: 'EVENT_TYPES', recovery: 'stop' })
    expect(rig.log.rows).toEqual([])
    const more = new StreamRig(url, { tables: [], outbox: { table: 'public.outbox', maxTypes: 3 } }, rig.log)
    await more.run(() => more.log.rows.length === 3)
    expect(texts(more).map(text => text.slice(0, 3))).toEqual(['c a', 'c b', 'c c'])
  })

  it('is read from its root where it is partitioned', async () => {
    const { rig, client } = await place(`CREATE TABLE outbox (id int, aggregatetype text, aggregateid text, type text,
      payload text) PARTITION BY RANGE (id); CREATE TABLE low PARTITION OF outbox FOR VALUES FROM (0) TO (10);
      CREATE TABLE high PARTITION OF outbox FOR VALUES FROM (10) TO (20); INSERT INTO outbox VALUES (11, 'a'), (1, 'a')`)
    await rig.begin()
    await client.query(`INSERT INTO outbox VALUES (12, 'a'), (2, 'a')`)
    await client.end()
    await rig.run(() => rig.log.rows.length === 2)
    expect(allTexts(rig).map(text => text.slice(0, 7))).toEqual(['r a [1,', 'r a [11', 'c a [12', 'c a [2,'])
  })

  it('refuses a table in the schema that events have', async () => {
    const ddl = `${OUTBOX}; CREATE SCHEMA outbox; CREATE TABLE outbox.t (id int PRIMARY KEY)`
    const { rig, client, url } = await place(ddl, { tables: ['*.*'] })
    await client.end()
    expect(await rig.startError(undefined)).toMatchObject({ code: 'EVENT_SCHEMA' })
    const other = new StreamRig(url, { tables: ['*.*'], outbox: { table: 'public.outbox', schema: 'event' } })
    expect(await other.startError(undefined)).toBeUndefined()
  })
})

describe('messages of PostgreSQL', () => {
  it('that a transaction has written become rows of their prefix, in its order; others are passed over', async () => {
    const { rig, client } = await place('CREATE TABLE t (id int PRIMARY KEY)', {
      tables: ['public.t'],
      outbox: undefined,
      messages: ['audit', '"app.*"', 'my*'],
    })
    await rig.begin()
    await client.query(`BEGIN; SELECT pg_logical_emit_message(true, 'audit', 'one'); INSERT INTO t VALUES (1);
      SELECT pg_logical_emit_message(true, 'other', 'no'), pg_logical_emit_message(false, 'audit', 'no'),
        pg_logical_emit_message(true, 'app.*', '{"a": 1}'), pg_logical_emit_message(true, 'my.own', '\\x00ff'::bytea);
      COMMIT`)
    await client.query(`BEGIN; SELECT pg_logical_emit_message(true, 'audit', 'no'); ROLLBACK`)
    await client.query(`SELECT pg_logical_emit_message(true, 'audit', '')`)
    await rig.run(() => rig.log.transactions.length >= 1, { ack: false })
    await client.query(`SELECT pg_logical_emit_message(true, 'audit', 'behind a restart')`)
    await client.end()
    await rig.run(() => rig.log.transactions.length === 3)
    expect(rig.log.texts).toEqual([
      'c app.message.audit ["audit","one"]',
      'c app.public.t [1]',
      String.raw`c app.message."app.*" ["app.*","{\"a\": 1}"]`,
      String.raw`c app.message."my.own" ["my.own","\\x00ff"]`,
      'c app.message.audit ["audit",""]',
      'c app.message.audit ["audit","behind a restart"]',
    ])
    // The announcement of a table takes a place, too.
    expect(rig.log.rows.map(({ index }) => index)).toEqual([1, 2, 4, 6, 0, 0])
  })
})
