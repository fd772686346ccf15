import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { connectSql } from '../../connectors/postgres/connection.ts'
import { readKeyOrder } from '../../connectors/postgres/key-order.ts'
import { countLoaders, Exported, gather } from '../support/exported.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { until } from '../support/until.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server[Symbol.asyncDispose]())

describe('a first load', () => {
  it.each([
    ['is rewritten', 'ALTER TABLE t ALTER COLUMN n TYPE bigint'],
    ['is truncated', 'TRUNCATE t'],
    ['gets a column', 'ALTER TABLE t ADD COLUMN m int DEFAULT 5'],
    ['is dropped', 'DROP TABLE t'],
  ])('does not count when its table %s after the snapshot', async (_what, ddl) => {
    await using exported = await Exported.of(
      server,
      'CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1)',
      { tables: ['public.t'] },
    )
    const { database } = exported
    await server.sql(ddl, [], database)
    await expect(gather(exported.load('t'))).rejects.toMatchObject({ code: 'LOAD_INTERRUPTED', recovery: 'retry' })
  })

  it('does not count when its table is altered while it is read', async () => {
    await using exported = await Exported.of(
      server,
      `CREATE TABLE p (r int, id int, body text, PRIMARY KEY (r, id)) PARTITION BY LIST (r);
       CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1);
       INSERT INTO p SELECT 1, i, repeat('b', 1000) FROM generate_series(1, 20000) i`,
      { tables: ['public.p'] },
    )
    const { database } = exported
    const attach = async () => {
      let chunks = 0
      for await (const _chunk of exported.load('p'))
        if (++chunks === 3) await server.sql('CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2)', [], database)
    }
    await expect(attach()).rejects.toMatchObject({ code: 'LOAD_INTERRUPTED' })
  })

  it('does not count when the snapshot is gone', async () => {
    await using exported = await Exported.of(server, 'CREATE TABLE t (id int PRIMARY KEY)', { tables: ['public.t'] })
    await exported[Symbol.asyncDispose]()
    await expect(gather(exported.load('t'))).rejects.toMatchObject({ code: 'LOAD_INTERRUPTED', recovery: 'retry' })
  })

  it.each(['aborted', 'left'])('leaves no connection behind when it is %s in the middle', async how => {
    await using exported = await Exported.of(
      server,
      `CREATE TABLE t (id int PRIMARY KEY, body text);
       INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 40000) i`,
      { tables: ['public.t'] },
    )
    const { database } = exported
    const ending = new AbortController()
    const chunks = exported.load('t', { signal: ending.signal })
    await chunks.next()
    await chunks.next()
    expect(await countLoaders(server, database)).toBe(2)
    if (how === 'left') await chunks.return(undefined)
    else {
      ending.abort(new Error('enough'))
      await expect(gather(chunks)).rejects.toThrow('enough')
    }
    await until(async () => (await countLoaders(server, database)) === 0, 'the connections of the load have ended')
  })
})

it('a table that is dropped before its keys can be read is read again under its name; one that lost their index is not', async () => {
  await using exported = await Exported.of(server, 'CREATE TABLE t (id int PRIMARY KEY)', { tables: ['public.t'] })
  const { database } = exported
  const client = await connectSql(exported.config, 'tailrace test', new AbortController().signal)
  try {
    const order = () => readKeyOrder(client, exported.one('t'))
    await expect(order()).resolves.toHaveLength(1)
    await server.sql('ALTER TABLE t DROP CONSTRAINT t_pkey', [], database)
    await expect(order()).rejects.toMatchObject({ code: 'TABLE_WITHOUT_KEY', recovery: 'stop' })
    await server.sql('DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY)', [], database)
    await expect(order()).rejects.toMatchObject({ code: 'LOAD_INTERRUPTED', recovery: 'retry' })
  } finally {
    await client.end()
  }
})
