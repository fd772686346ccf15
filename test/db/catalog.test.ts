import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Captured } from '../../connectors/postgres/capture.ts'
import { originOf } from '../../connectors/postgres/definition.ts'
import type { Relation } from '../../connectors/postgres/relation.ts'
import { Resolver } from '../../connectors/postgres/resolver.ts'
import { type Options, Place } from '../support/place.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server[Symbol.asyncDispose]())

/** Why rows of older versions are to be read again. */
const staleOf = ({ table }: Captured): string | undefined => originOf(table).stale

describe('a start', () => {
  it('keeps the id of a table that is as it was, and numbers a changed one as its next version', async () => {
    const place = await Place.with(server, 'CREATE TABLE t (id int PRIMARY KEY, a text)')
    const first = await place.capture()
    expect(first.table).toMatchObject({ id: 1, version: 1, incarnation: 1, key: [0] })
    expect((await place.capture([first.table])).table).toBe(first.table)
    await place.sql('ALTER TABLE t ADD COLUMN b int')
    const second = await place.capture([first.table])
    expect(second.table).toMatchObject({ id: 2, version: 2, incarnation: 1 })
    expect(staleOf(second)).toBeUndefined()
  })

  it('sees another incarnation in a table that was made anew, or has another key', async () => {
    const place = await Place.with(server, 'CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL)')
    const { table } = await place.capture()
    await place.sql('ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD PRIMARY KEY (a, id)')
    const keyed = await place.capture([table])
    expect(keyed.table).toMatchObject({ id: 2, incarnation: 2, version: 1, key: [1, 0] })
    expect(staleOf(keyed)).toContain('key columns changed')
    await place.sql('DROP TABLE t; CREATE TABLE t (id int, a int, PRIMARY KEY (a, id))')
    const remade = await place.capture([table, keyed.table])
    expect(remade.table).toMatchObject({ id: 3, incarnation: 3 })
    expect(staleOf(remade)).toContain('dropped and made again')
  })

  it('reads a table again that is replaced under its eyes', async () => {
    const again = 'CREATE TABLE t (id int, a int, PRIMARY KEY (a, id))'
    const place = await Place.with(server, 'CREATE TABLE t (id int PRIMARY KEY)')
    const { table } = await place.capture([], `DROP TABLE t; ${again}`)
    expect(table.columns.map(({ name }) => name)).toEqual(['id', 'a'])
    expect(table.key).toEqual([1, 0])
  })

  it('takes a table that leaves under its eyes for gone, as one that had left before', async () => {
    const place = await Place.with(server, 'CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY)', {
      tables: ['public.t', 'public.u'],
    })
    const { table } = await place.capture()
    const found = await place.captureAgain([table], 'ALTER TABLE t RENAME TO away')
    expect(found).toEqual({ captured: ['u'], gone: ['public.t'] })
  })

  it.each([
    ['a default for old rows', 'ALTER TABLE t ADD COLUMN c int DEFAULT 5'],
    ['a default that rewrites', 'ALTER TABLE t ADD COLUMN c float DEFAULT random()'],
    ['an identity', 'ALTER TABLE t ADD COLUMN c int GENERATED ALWAYS AS IDENTITY'],
    ['another type', 'ALTER TABLE t ALTER COLUMN v TYPE text'],
    ['shorter values', 'ALTER TABLE t ALTER COLUMN v TYPE varchar(5) USING left(v, 5)'],
    ['rewritten values of a wider type', 'ALTER TABLE t ALTER COLUMN v TYPE varchar(20) USING upper(v)'],
    ['a column made anew', 'ALTER TABLE t DROP COLUMN v; ALTER TABLE t ADD COLUMN v varchar(10)'],
    [
      'a column dropped and added again with a default',
      "ALTER TABLE t DROP COLUMN v; ALTER TABLE t ADD COLUMN v varchar(10) DEFAULT ''",
    ],
  ])('notices that rows changed without events: %s', async (_what, ddl) => {
    const place = await Place.with(
      server,
      "CREATE TABLE t (id int PRIMARY KEY, v varchar(10)); INSERT INTO t VALUES (1, 'a')",
    )
    const { table } = await place.capture()
    await place.sql(ddl)
    const now = await place.capture([table])
    expect(staleOf(now)).toMatch(/column [cv]/)
    expect(now.table).toMatchObject({ incarnation: 1, version: 2 })
  })

  it.each([
    ['room for longer values', 'ALTER TABLE t ALTER COLUMN v TYPE varchar(20)'],
    ['no limit', 'ALTER TABLE t ALTER COLUMN v TYPE varchar'],
    ['a column without values', 'ALTER TABLE t ADD COLUMN c int'],
    ['a default for new rows', 'ALTER TABLE t ADD COLUMN c int; ALTER TABLE t ALTER COLUMN c SET DEFAULT 5'],
    ['a column less', 'ALTER TABLE t DROP COLUMN v'],
    ['a column renamed', 'ALTER TABLE t RENAME COLUMN v TO w'],
  ])('goes on where rows are what they were: %s', async (_what, ddl) => {
    const place = await Place.with(
      server,
      "CREATE TABLE t (id int PRIMARY KEY, v varchar(10)); INSERT INTO t VALUES (1, 'a')",
    )
    const { table } = await place.capture()
    await place.sql(ddl)
    const next = await place.capture([table])
    expect(staleOf(next)).toBeUndefined()
    expect(next.table).toMatchObject({ incarnation: 1, version: 2 })
  })

  it('stops when a masked column has a name that is not masked, and reads again when a mask is taken off', async () => {
    const place = await Place.with(server, 'CREATE TABLE t (id int PRIMARY KEY, mail text, ssn text)', {
      columns: { mask: { 'public.t.mail': 'redact' }, exclude: ['public.t.ssn'] },
    })
    const { table } = await place.capture()
    expect(table.columns).toMatchObject([{ name: 'id' }, { name: 'mail', masked: true, type: { kind: 'text' } }])
    expect(staleOf(await place.but({ columns: {} }).capture([table]))).toContain('excluded or masked before')
    await place.sql('ALTER TABLE t RENAME COLUMN ssn TO social')
    expect((await place.but({ columns: { mask: { 'public.t.mail': 'redact' } } }).capture([table])).lost).toMatchObject(
      {
        code: 'MASK_LOST',
        message: expect.stringContaining('renamed to social'),
      },
    )
  })

  it('another mask key makes other hashes: rows must be read again, and a hashed key is another key', async () => {
    const options = (maskKey: string): Options => ({ maskKey, columns: { mask: { 'public.t.id': 'hash' } } })
    const place = await Place.with(server, 'CREATE TABLE t (id int PRIMARY KEY)', options('the first key of all'))
    const { table } = await place.capture()
    expect(table.origin).not.toContain('the first key')
    const next = await place.but(options('another key than that')).capture([table])
    expect(staleOf(next)).toContain('another maskKey')
    expect(next.table.incarnation).toBe(2)
  })

  it.each([
    ['a key column excluded', { columns: { exclude: ['public.t.id'] } }],
    ['a key column redacted', { columns: { mask: { 'public.t.id': 'redact' } } }],
    ['a key column nulled', { columns: { mask: { 'public.*.id': 'null' } } }],
    ['a column that is not there', { columns: { exclude: ['public.t.Mail'] } }],
  ])('refuses %s', async (_what, options) => {
    const place = await Place.with(server, 'CREATE TABLE t (id int PRIMARY KEY, mail text)', options)
    await expect(place.capture()).rejects.toMatchObject({ code: 'CONFIG_COLUMN', recovery: 'stop' })
  })
})

describe('the key of a table', () => {
  const keyed = 'CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL, b int NOT NULL, c int)'

  it.each([
    [
      'the replica identity’s index',
      `${keyed}; CREATE UNIQUE INDEX u ON t (b, a); ALTER TABLE t REPLICA IDENTITY USING INDEX u`,
      {},
      [2, 1],
    ],
    ['the primary key under FULL', `${keyed}; ALTER TABLE t REPLICA IDENTITY FULL`, {}, [0]],
    [
      'the index named under FULL',
      `${keyed}; CREATE UNIQUE INDEX u ON t (b, a) INCLUDE (c); ALTER TABLE t REPLICA IDENTITY FULL`,
      { keys: { 'public.t': 'u' } },
      [2, 1],
    ],
    ['none, for rows that are only inserted', 'CREATE TABLE t (id int)', { appendOnly: ['public.t'] }, []],
    [
      'the primary key all the same',
      `${keyed}; ALTER TABLE t REPLICA IDENTITY NOTHING`,
      { appendOnly: ['public.*'] },
      [0],
    ],
  ])('is %s', async (_what, ddl, options, key) => {
    const captured = await (await Place.with(server, ddl, options)).capture()
    expect(captured.table.key).toEqual(key)
    expect(captured.table.appendOnly).toBe('appendOnly' in options)
  })

  const named = { keys: { 'public.t': 'u' } }
  it.each([
    ['no primary key', 'CREATE TABLE t (id int)', {}, 'no primary key'],
    ['FULL without one', 'CREATE TABLE t (id int); ALTER TABLE t REPLICA IDENTITY FULL', {}, 'no primary key'],
    ['replica identity NOTHING', `${keyed}; ALTER TABLE t REPLICA IDENTITY NOTHING`, {}, 'NOTHING'],
    [
      'the identity’s index dropped',
      `${keyed}; CREATE UNIQUE INDEX u ON t (a); ALTER TABLE t REPLICA IDENTITY USING INDEX u; DROP INDEX u`,
      {},
      'dropped',
    ],
    ['a named index that the server does not log', `${keyed}; CREATE UNIQUE INDEX u ON t (a)`, named, 'does not log'],
    ['a named index that is not there', keyed, named, 'no index u'],
    ['a named index that is not unique', `${keyed}; CREATE INDEX u ON t (a)`, named, 'not unique'],
    ['a named index that is partial', `${keyed}; CREATE UNIQUE INDEX u ON t (a) WHERE b > 0`, named, 'partial'],
    ['a named index on an expression', `${keyed}; CREATE UNIQUE INDEX u ON t ((a + 1))`, named, 'expression'],
    ['a named index with a column that may be null', `${keyed}; CREATE UNIQUE INDEX u ON t (c)`, named, 'may be null'],
    [
      'a partition with another identity',
      'CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t DEFAULT; ALTER TABLE t1 REPLICA IDENTITY NOTHING',
      {},
      't1',
    ],
  ])('is missing with %s, and the ways out are named', async (_what, ddl, options, reason) => {
    await expect((await Place.with(server, ddl, options)).capture()).rejects.toMatchObject({
      code: 'TABLE_WITHOUT_KEY',
      message: expect.stringContaining(reason),
      hint: expect.stringContaining('appendOnly: [public.t]'),
    })
  })
})

describe('a relation of the stream', () => {
  const never = {
    look: async () => {},
    isWanted: () => true,
    newVersion: () => Promise.reject(new Error('the message is the same')),
  }
  const relationOf = ({ oid, columns }: Captured): Relation => {
    const sent = columns.map(column => ({ ...column, key: column.name === 'id' }))
    return { oid, schema: 'public', table: 't', identity: 'd', columns: sent }
  }

  it('that is partitioned has the name of the catalog: the server does not tell of another', async () => {
    const parted = 'CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t DEFAULT'
    const place = await Place.with(server, parted)
    const first = await place.capture()
    await place.sql('ALTER TABLE t RENAME TO u')
    const renamed = await place.but({ tables: ['public.u'] }).capture([first.table])
    let seen = renamed
    const resolver = new Resolver([first], [first.table], { ...never, withOid: () => seen })
    expect(resolver.resolve(relationOf(first))).toMatchObject({ table: renamed.table })
    seen = first
    expect(resolver.resolve({ ...relationOf(first), table: 'u' })).toMatchObject({ table: first.table })
  })

  it('is the newer version once the catalog tells that a column was dropped and made again as it was', async () => {
    const place = await Place.with(server, 'CREATE TABLE t (id int PRIMARY KEY, v text)')
    const first = await place.capture()
    let seen = first
    const resolver = new Resolver([first], [first.table], { ...never, withOid: () => seen })
    const relation = relationOf(first)
    expect(resolver.resolve(relation)).toMatchObject({ table: first.table })
    await place.sql('ALTER TABLE t DROP COLUMN v; ALTER TABLE t ADD COLUMN v text')
    seen = await place.capture([first.table])
    expect(seen.table.version).toBe(2)
    expect(resolver.resolve(relation)).toMatchObject({ table: seen.table })
    // Not so under the name that it has for a moment.
    await place.sql('ALTER TABLE t RENAME TO u')
    const { table } = seen
    seen = await place.but({ tables: ['public.u'] }).capture([first.table, table])
    expect(resolver.resolve(relation)).toMatchObject({ table })
  })
})
