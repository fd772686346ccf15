import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Chunk } from '../../runtime/contract.ts'
import { hasOpenssl } from '../support/certificate.ts'
import { countLoaders, Exported, gather, loadedRows } from '../support/exported.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { itIf } from '../support/skip.ts'
import { offerTls } from '../support/tls.ts'
import { until } from '../support/until.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server[Symbol.asyncDispose]())

const sorted = (rows: (string | null)[][]): string[] => rows.map(row => JSON.stringify(row)).sort()

const kinds = (chunk: Chunk): string[] => Array.from(chunk.rows, change => change.kind)

describe('a first load', () => {
  it('holds exactly the rows that the snapshot sees while they are updated and deleted, over two connections', async () => {
    await using exported = await Exported.of(
      server,
      `CREATE TABLE t (id int PRIMARY KEY, n int, body text);
       INSERT INTO t SELECT i, 0, repeat('x', i % 700) || chr(9) || '\\' || i FROM generate_series(1, 40000) i;
       ANALYZE t`,
      { tables: ['public.t'] },
    )
    const { database } = exported
    const stop = new AbortController()
    const writing = (async () => {
      const client = await server.connect(database)
      for (let round = 1; !stop.signal.aborted; round++) {
        await client.query(`UPDATE t SET n = ${round}, body = 'changed' WHERE id % 97 = ${round % 97}`)
        await client.query(`DELETE FROM t WHERE id % 89 = ${round % 89} AND id % 2 = 0`)
        await client.query(`INSERT INTO t SELECT 100000 + ${round} * 100 + i, 1, 'new' FROM generate_series(1, 50) i`)
      }
      await client.end()
    })()
    let seen = 0
    const counted = async function* (chunks: AsyncIterable<Chunk>) {
      for await (const chunk of chunks) {
        seen = Math.max(seen, await countLoaders(server, database))
        yield chunk
      }
    }
    const rows = await loadedRows(counted(exported.load('t')))
    stop.abort()
    await writing
    expect(rows).toHaveLength(40_000)
    expect(sorted(rows)).toEqual(sorted(await exported.truth('SELECT id, n, body FROM t')))
    expect(seen).toBe(2)
    expect((await server.sql('SELECT count(*) AS n FROM t WHERE n > 0', [], database))[0]!.n).not.toBe('0')
    await until(async () => (await countLoaders(server, database)) === 0, 'the connections of the load have ended')
  })

  it('is a row of units of its lane: table first, progress rising, the end marked', async () => {
    await using exported = await Exported.of(
      server,
      `CREATE TABLE t (id int PRIMARY KEY, body text);
       INSERT INTO t SELECT i, repeat('x', 900) FROM generate_series(1, 12000) i; ANALYZE t`,
      { tables: ['public.t'] },
    )
    const chunks = await gather(exported.load('t'))
    const { table } = exported.one('t')
    expect(chunks.length).toBeGreaterThan(3)
    expect(kinds(chunks[0]!)).toEqual(['s'])
    for (const chunk of chunks) {
      expect(chunk.rows.end).toMatchObject({ lane: 'load:app.public.t', progress: chunk.progress })
      expect(chunk.fence).toEqual({ data: 'exported', high: '0/100' })
      expect(chunk.table).toBe(table)
      expect(chunk.rows.bytes.length).toBeLessThan(4 * 1024 * 1024)
      expect(chunk.progress.totalRows).toBe(12_000)
    }
    const progress = chunks.map(chunk => chunk.progress)
    expect(progress.map(({ done }) => done)).toEqual([...progress.slice(1).map(() => false), true])
    expect(progress.map(({ rows }) => rows)).toEqual(progress.map(({ rows }) => rows).sort((a, b) => a - b))
    expect(progress.at(-1)!.rows).toBe(12_000)
  })

  it('of an empty table is one unit that is done', async () => {
    await using exported = await Exported.of(server, 'CREATE TABLE t (id int PRIMARY KEY)', { tables: ['public.t'] })
    const chunks = await gather(exported.load('t'))
    expect(chunks.map(({ progress }) => progress)).toEqual([
      { done: true, rows: 0, totalRows: 0, state: expect.stringContaining('[[0,null]]') },
    ])
    expect(kinds(chunks[0]!)).toEqual(['s'])
  })

  it('that starts again first truncates what an earlier one left', async () => {
    await using exported = await Exported.of(server, 'CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)', {
      tables: ['public.t'],
    })
    const [chunk] = await gather(exported.load('t', { restart: true }))
    expect(kinds(chunk!)).toEqual(['s', 't', 'r'])
  })

  it('takes names and keys of every kind as they are', async () => {
    await using exported = await Exported.of(
      server,
      `CREATE SCHEMA "My ""Schema"".*";
       CREATE TABLE "My ""Schema"".*"."select; DROP TABLE x--" (
         "from" text, "a b" int, "__proto__" text, "ümlaut" text, "\\" text, "'" text, PRIMARY KEY ("ümlaut", "from"));
       INSERT INTO "My ""Schema"".*"."select; DROP TABLE x--" VALUES ('f', 1, 'p', 'ü', 'back', 'quote')`,
      { tables: ['"My ""Schema"".*"."select; DROP TABLE x--"'] },
    )
    const { table } = exported.captured[0]!
    expect(table.name).toBe('app."My ""Schema"".*"."select; DROP TABLE x--"')
    expect(table.columns.map(({ name }) => name)).toEqual(['from', 'a b', '__proto__', 'ümlaut', '\\', "'"])
    expect(table.key).toEqual([3, 0])
    expect(await loadedRows(exported.load(table.table))).toEqual([['f', '1', 'p', 'ü', 'back', 'quote']])
  })

  it('reads partitions by their own names, and only their root where the role may not', async () => {
    const ddl = `
      CREATE TABLE p (region int, id int, body text, dropped int, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
      ALTER TABLE p DROP COLUMN dropped;
      CREATE TABLE p1 (body text, id int NOT NULL, region int NOT NULL);
      ALTER TABLE p ATTACH PARTITION p1 FOR VALUES IN (1);
      CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2, 3) PARTITION BY LIST (region);
      CREATE TABLE p22 PARTITION OF p2 FOR VALUES IN (2);
      CREATE TABLE p23 PARTITION OF p2 FOR VALUES IN (3);
      INSERT INTO p SELECT 1 + i % 3, i, repeat('b', 500) FROM generate_series(1, 20000) i;
      ANALYZE p`
    await using exported = await Exported.of(server, ddl, { tables: ['public.*'] })
    const { database } = exported
    const { url } = exported.config
    expect(exported.captured.map(({ table }) => table.name)).toEqual(['app.public.p'])
    const truth = sorted(await exported.truth('SELECT region, id, body FROM p'))
    expect(sorted(await loadedRows(exported.load('p')))).toEqual(truth)

    const role = `root_only_${database}`
    await server.sql(`CREATE ROLE ${role} LOGIN; GRANT SELECT ON p TO ${role}`, [], database)
    await using asRole = await Exported.open(server.url(database, role), { tables: ['public.p'] }, [], url)
    expect(sorted(await loadedRows(asRole.load('p')))).toEqual(truth)
  })

  it('leaves the rows of children by inheritance and generated columns out', async () => {
    await using exported = await Exported.of(
      server,
      `CREATE TABLE parent (id int PRIMARY KEY, g int GENERATED ALWAYS AS (id * 2) STORED, body text);
       CREATE TABLE child () INHERITS (parent);
       INSERT INTO parent (id, body) VALUES (1, 'parent'); INSERT INTO child (id, body) VALUES (2, 'child')`,
      { tables: ['public.parent'] },
    )
    expect(await loadedRows(exported.load('parent'))).toEqual([['1', 'parent']])
  })

  it('hands over a value of many megabytes, and refuses one beyond the limit by name', async () => {
    const ddl = `CREATE TABLE t (id int PRIMARY KEY, big text, after text);
      INSERT INTO t VALUES (1, repeat('0123456' || chr(9), 1500000), 'end'), (2, 'small', NULL)`
    await using exported = await Exported.of(server, ddl, { tables: ['public.t'] })
    const { url } = exported.config
    const rows = await loadedRows(exported.load('t'))
    expect(rows.map(([id, big, after]) => [id, big!.length, after])).toEqual([
      ['1', 12_000_000, 'end'],
      ['2', 5, null],
    ])
    expect(rows[0]![1]).toBe('0123456\t'.repeat(1_500_000))

    await using limited = await Exported.open(url, { tables: ['public.t'], maxValueBytes: '8MB' })
    await expect(gather(limited.load('t'))).rejects.toMatchObject({
      code: 'VALUE_TOO_LARGE',
      message: expect.stringContaining('column big of app.public.t'),
    })
  })

  it('holds back the server while nobody asks for more', async () => {
    await using exported = await Exported.of(
      server,
      `CREATE TABLE t (id int PRIMARY KEY, body text);
       INSERT INTO t SELECT i, repeat(md5(i::text), 30) FROM generate_series(1, 60000) i`,
      { tables: ['public.t'] },
    )
    const { database } = exported
    const chunks = exported.load('t')
    await chunks.next()
    await chunks.next()
    const ranges = async () => {
      const text = `SELECT query, state = 'active' AND wait_event IS DISTINCT FROM 'ClientWrite' AS busy
        FROM pg_stat_activity WHERE application_name LIKE '% load' AND datname = $1 ORDER BY pid`
      return JSON.stringify(await server.sql(text, [database]))
    }
    let before = ''
    await until(async () => {
      const now = await ranges()
      const isStill = now === before && !now.includes('"busy":"t"')
      before = now
      return isStill
    }, 'both server processes stand still')
    // Both are at ranges with an end: the last one, which has none, was not asked for.
    expect(before.match(/AND ctid </g)).toHaveLength(2)
    expect((await loadedRows(chunks)).length).toBeGreaterThan(50_000)
  })

  itIf(hasOpenssl, 'openssl is missing')('reads the same rows over TLS', async () => {
    await using secure = await startPostgres()
    const authority = await offerTls(secure)
    await secure.sql(`CREATE TABLE t (id int PRIMARY KEY, body text);
      INSERT INTO t SELECT i, repeat('x', i % 900) FROM generate_series(1, 20000) i`)
    const url = `${secure.url()}?sslmode=verify-full&sslrootcert=${encodeURIComponent(authority)}`
    await using exported = await Exported.open(url, { tables: ['public.t'] }, [], secure.url())
    const text = `SELECT count(*) AS n FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
      WHERE ssl AND application_name LIKE '% load'`
    const chunks = exported.load('t')
    await chunks.next()
    expect((await secure.sql(text))[0]!.n).not.toBe('0')
    expect(sorted(await loadedRows(chunks))).toEqual(sorted(await exported.truth('SELECT id, body FROM t')))
  })

  it('never holds the plain value of a masked or excluded column', async () => {
    const secrets = ['secret-mail', 'secret-note', 'secret-ssn', 'secret-key']
    await using exported = await Exported.of(
      server,
      `CREATE TABLE t (k text PRIMARY KEY, mail text, note text, ssn text, gone text, plain text);
       INSERT INTO t SELECT 'secret-key' || i, 'secret-mail' || i, 'secret-note' || chr(9), 'secret-ssn', 'x', 'plain'
       FROM generate_series(1, 1000) i;
       INSERT INTO t VALUES ('k', NULL, NULL, NULL, NULL, NULL)`,
      {
        tables: ['public.t'],
        maskKey: 'a key of sixteen bytes',
        columns: {
          exclude: ['public.t.ssn'],
          mask: { 'public.t.k': 'hash', 'public.t.mail': 'hash', 'public.t.note': 'redact', 'public.*.gone': 'null' },
        },
      },
    )
    const chunks = await gather(exported.load('t'))
    const bytes = Buffer.concat(chunks.map(({ rows }) => rows.bytes))
    for (const secret of secrets) expect(bytes.includes(secret)).toBe(false)
    expect(bytes.includes('plain')).toBe(true)
    const rows = chunks.flatMap(chunk =>
      Array.from(chunk.rows, change => (change.kind === 'r' ? change.toObject() : undefined)).filter(
        row => row !== undefined,
      ),
    )
    expect(rows).toHaveLength(1001)
    expect(rows[0]).toEqual({
      k: expect.stringMatching(/^[0-9a-f]{64}$/),
      mail: expect.stringMatching(/^[0-9a-f]{64}$/),
      note: '***',
      gone: null,
      plain: 'plain',
    })
    expect(rows.find(row => row.plain === null)).toMatchObject({ mail: null, note: null, gone: null })
    expect(new Set(rows.map(row => row.k)).size).toBe(1001)
  })
})
