import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type Captured, captureTables } from '../../connectors/postgres/catalog.ts'
import { postgresConfig } from '../../connectors/postgres/config.ts'
import { connectSql } from '../../connectors/postgres/connection.ts'
import type { Relation } from '../../connectors/postgres/relation.ts'
import { isSameRelation, tableFromRelation } from '../../connectors/postgres/versions.ts'
import type { Table } from '../../runtime/contract.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server[Symbol.asyncDispose]())

type Options = Record<string, unknown>

/** A database with one table `t`, as a start and as the stream see it. */
class Place {
  readonly #url: string
  readonly #options: Options

  private constructor(url: string, options: Options) {
    this.#url = url
    this.#options = { tables: ['public.t'], ...options }
  }

  static async with(ddl: string, options: Options = {}): Promise<Place> {
    const place = new Place(await server.createDatabase(), options)
    await place.sql(ddl)
    return place
  }

  /** The same database under other options. */
  but(options: Options): Place {
    return new Place(this.#url, { ...this.#options, ...options })
  }

  async sql(text: string): Promise<void> {
    await server.sql(text, [], new URL(this.#url).pathname.slice(1))
  }

  async #use<T>(work: (client: Awaited<ReturnType<typeof connectSql>>) => Promise<T>): Promise<T> {
    const client = await connectSql(this.#config(), 'tailrace test', new AbortController().signal)
    return await work(client).finally(() => client.end())
  }

  #config() {
    return postgresConfig.parse({ url: this.#url, ...this.#options })
  }

  async capture(known: readonly Table[] = []): Promise<Captured> {
    const [captured] = await this.#use(client => captureTables(client, 'app', this.#config(), known))
    return captured!
  }

  /** What pgoutput would send before the next row. */
  async relation(): Promise<Relation> {
    const { rows } = await this.#use(client =>
      client.query<{ json: string }>(`
        SELECT json_build_object('oid', c.oid::bigint, 'schema', 'public', 'table', c.relname, 'identity', c.relreplident,
          'columns', json_agg(json_build_object('name', a.attname, 'typeOid', a.atttypid::bigint, 'typmod', a.atttypmod,
            'key', c.relreplident = 'f' OR EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid
              AND a.attnum = ANY (i.indkey)
              AND CASE c.relreplident WHEN 'd' THEN i.indisprimary ELSE i.indisreplident END)) ORDER BY a.attnum)) AS json
        FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE c.oid = 'public.t'::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
        GROUP BY c.oid`),
    )
    return JSON.parse(rows[0]!.json) as Relation
  }

  async follow(relation: Relation, current: Captured, known: readonly Table[] = [current.table]): Promise<Captured> {
    return await this.#use(client => tableFromRelation(client, 'app', this.#config(), relation, current, known))
  }
}

const names = ({ table }: Captured): string[] => table.columns.map(({ name }) => name)

describe('a start', () => {
  it('keeps the id of a table that is as it was, and numbers a changed one as its next version', async () => {
    const place = await Place.with('CREATE TABLE t (id int PRIMARY KEY, a text)')
    const first = await place.capture()
    expect(first.table).toMatchObject({ id: 1, version: 1, incarnation: 1, key: [0] })
    expect((await place.capture([first.table])).table).toBe(first.table)
    await place.sql('ALTER TABLE t ADD COLUMN b int')
    const second = await place.capture([first.table])
    expect(second.table).toMatchObject({ id: 2, version: 2, incarnation: 1 })
    expect(second.rewrite).toBeUndefined()
  })

  it('sees another incarnation in a table that was made anew, or has another key', async () => {
    const place = await Place.with('CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL)')
    const { table } = await place.capture()
    await place.sql('ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD PRIMARY KEY (a, id)')
    const keyed = await place.capture([table])
    expect(keyed.table).toMatchObject({ id: 2, incarnation: 2, version: 1, key: [1, 0] })
    expect(keyed.rewrite).toMatchObject({ code: 'SCHEMA_REWRITE' })
    await place.sql('DROP TABLE t; CREATE TABLE t (id int, a int, PRIMARY KEY (a, id))')
    const remade = await place.capture([table, keyed.table])
    expect(remade.table).toMatchObject({ id: 3, incarnation: 3 })
    expect(remade.rewrite?.message).toContain('dropped and made again')
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
    const place = await Place.with("CREATE TABLE t (id int PRIMARY KEY, v varchar(10)); INSERT INTO t VALUES (1, 'a')")
    const { table } = await place.capture()
    await place.sql(ddl)
    expect((await place.capture([table])).rewrite).toMatchObject({ code: 'SCHEMA_REWRITE', recovery: 'stop' })
  })

  it.each([
    ['room for longer values', 'ALTER TABLE t ALTER COLUMN v TYPE varchar(20)'],
    ['no limit', 'ALTER TABLE t ALTER COLUMN v TYPE varchar'],
    ['a column without values', 'ALTER TABLE t ADD COLUMN c int'],
    ['a default for new rows', 'ALTER TABLE t ADD COLUMN c int; ALTER TABLE t ALTER COLUMN c SET DEFAULT 5'],
    ['a column less', 'ALTER TABLE t DROP COLUMN v'],
    ['a column renamed', 'ALTER TABLE t RENAME COLUMN v TO w'],
  ])('goes on where rows are what they were: %s', async (_what, ddl) => {
    const place = await Place.with("CREATE TABLE t (id int PRIMARY KEY, v varchar(10)); INSERT INTO t VALUES (1, 'a')")
    const { table } = await place.capture()
    await place.sql(ddl)
    const next = await place.capture([table])
    expect(next.rewrite).toBeUndefined()
    expect(next.table).toMatchObject({ incarnation: 1, version: 2 })
  })

  it('stops when a masked column has a name that is not masked, or a mask is taken off', async () => {
    const place = await Place.with('CREATE TABLE t (id int PRIMARY KEY, mail text, ssn text)', {
      columns: { mask: { 'public.t.mail': 'redact' }, exclude: ['public.t.ssn'] },
    })
    const { table } = await place.capture()
    expect(table.columns).toMatchObject([{ name: 'id' }, { name: 'mail', masked: true, type: { kind: 'text' } }])
    expect((await place.but({ columns: {} }).capture([table])).rewrite).toMatchObject({ code: 'SCHEMA_REWRITE' })
    await place.sql('ALTER TABLE t RENAME COLUMN ssn TO social')
    expect(
      (await place.but({ columns: { mask: { 'public.t.mail': 'redact' } } }).capture([table])).rewrite,
    ).toMatchObject({
      code: 'MASK_LOST',
      message: expect.stringContaining('renamed to social'),
    })
  })

  it('another mask key makes other hashes: rows must be read again, and a hashed key is another key', async () => {
    const options = (maskKey: string): Options => ({ maskKey, columns: { mask: { 'public.t.id': 'hash' } } })
    const place = await Place.with('CREATE TABLE t (id int PRIMARY KEY)', options('the first key of all'))
    const { table } = await place.capture()
    expect(table.origin).not.toContain('the first key')
    const next = await place.but(options('another key than that')).capture([table])
    expect(next.rewrite).toMatchObject({ code: 'SCHEMA_REWRITE' })
    expect(next.table.incarnation).toBe(2)
  })

  it.each([
    ['a key column excluded', { columns: { exclude: ['public.t.id'] } }],
    ['a key column redacted', { columns: { mask: { 'public.t.id': 'redact' } } }],
    ['a key column nulled', { columns: { mask: { 'public.*.id': 'null' } } }],
    ['a column that is not there', { columns: { exclude: ['public.t.Mail'] } }],
  ])('refuses %s', async (_what, options) => {
    const place = await Place.with('CREATE TABLE t (id int PRIMARY KEY, mail text)', options)
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
    const captured = await (await Place.with(ddl, options)).capture()
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
    await expect((await Place.with(ddl, options)).capture()).rejects.toMatchObject({
      code: 'TABLE_WITHOUT_KEY',
      message: expect.stringContaining(reason),
      hint: expect.stringContaining('appendOnly: [public.t]'),
    })
  })
})

describe('a Relation message', () => {
  it('that says nothing new changes nothing', async () => {
    const place = await Place.with('CREATE TABLE t (id int PRIMARY KEY, a text, g int GENERATED ALWAYS AS (id) STORED)')
    const current = await place.capture()
    const relation = await place.relation()
    expect(isSameRelation(current, relation)).toBe(true)
    expect(await place.follow(relation, current)).toBe(current)
  })

  it('is followed column by column although the catalog is ahead of it', async () => {
    const place = await Place.with('CREATE TABLE t (id int PRIMARY KEY, a text, b numeric(5,2))')
    const current = await place.capture()
    await place.sql('ALTER TABLE t ADD COLUMN c int')
    const added = await place.relation()
    await place.sql('ALTER TABLE t DROP COLUMN a; ALTER TABLE t RENAME COLUMN b TO bb')
    const dropped = await place.relation()
    await place.sql('ALTER TABLE t DROP COLUMN c; ALTER TABLE t DROP COLUMN bb; ALTER TABLE t ADD COLUMN e uuid')

    const second = await place.follow(added, current)
    expect(names(second)).toEqual(['id', 'a', 'b', 'c'])
    expect(second.table).toMatchObject({ id: 2, version: 2, incarnation: 1, key: [0] })
    expect(second.table.columns[2]).toMatchObject({
      type: { kind: 'decimal', precision: 5, scale: 2 },
      declared: 'numeric(5,2)',
    })
    expect(second.plan.rules).toEqual(['keep', 'keep', 'keep', 'keep'])
    const third = await place.follow(dropped, second, [current.table, second.table])
    expect(names(third)).toEqual(['id', 'bb', 'c'])
    expect(third.table.id).toBe(3)
    // Restarted in between: the stream begins again before what is known of it.
    expect((await place.follow(added, third, [current.table, second.table, third.table])).table).toBe(second.table)
    expect(names(await place.follow(await place.relation(), third, [third.table]))).toEqual(['id', 'e'])
  })

  it.each([
    ['ALTER TABLE t ADD COLUMN c int DEFAULT 5', 'c was added with a default'],
    ['ALTER TABLE t ALTER COLUMN a TYPE int USING 1', 'type of column a changed'],
    ['ALTER TABLE t DROP CONSTRAINT t_pkey; ALTER TABLE t ADD PRIMARY KEY (k)', 'key columns changed'],
    ['CREATE UNIQUE INDEX u ON t (k); ALTER TABLE t REPLICA IDENTITY USING INDEX u', 'key columns changed'],
  ])('stops the source at %s', async (ddl, reason) => {
    const place = await Place.with(
      "CREATE TABLE t (id int PRIMARY KEY, a text, k int NOT NULL); INSERT INTO t VALUES (1, '1', 1)",
    )
    const current = await place.capture()
    await place.sql(ddl)
    const relation = await place.relation()
    expect(isSameRelation(current, relation)).toBe(false)
    await expect(place.follow(relation, current)).rejects.toMatchObject({
      code: 'SCHEMA_REWRITE',
      recovery: 'stop',
      message: expect.stringContaining(reason),
    })
  })

  it('keeps the key when the table becomes FULL, and refuses NOTHING', async () => {
    const place = await Place.with('CREATE TABLE t (id int PRIMARY KEY, a text)')
    const current = await place.capture()
    await place.sql('ALTER TABLE t REPLICA IDENTITY FULL')
    const full = await place.follow(await place.relation(), current)
    expect(full.table).toBe(current.table)
    expect(full.identity).toBe('full')
    await place.sql('ALTER TABLE t REPLICA IDENTITY NOTHING')
    await expect(place.follow(await place.relation(), full)).rejects.toMatchObject({ code: 'TABLE_WITHOUT_KEY' })
  })

  it('masks a new column that a pattern names, and stops when a masked one is renamed out of it', async () => {
    const place = await Place.with('CREATE TABLE t (id int PRIMARY KEY, mail1 text)', {
      columns: { mask: { 'public.t.mail*': 'redact' } },
    })
    const current = await place.capture()
    await place.sql('ALTER TABLE t ADD COLUMN mail2 text')
    const next = await place.follow(await place.relation(), current)
    expect(next.plan).toMatchObject({ identity: false, rules: ['keep', 'redact', 'redact'] })
    await place.sql('ALTER TABLE t RENAME COLUMN mail2 TO contact')
    const renamed = await place.relation()
    await expect(place.follow(renamed, next)).rejects.toMatchObject({ code: 'MASK_LOST' })
    await place.sql('ALTER TABLE t DROP COLUMN contact')
    await expect(place.follow(renamed, next)).rejects.toMatchObject({ code: 'MASK_LOST' })
  })
})
