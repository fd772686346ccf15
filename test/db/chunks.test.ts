import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { Chunk } from '../../runtime/contract.ts'
import { keyFromTexts } from '../../runtime/record/key.ts'
import { ChunkRig } from '../support/chunks.ts'
import { countLoaders, gather, loadedRows } from '../support/exported.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { until } from '../support/until.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server[Symbol.asyncDispose]())

const sorted = (rows: readonly (string | null)[][]): string[] => rows.map(row => JSON.stringify(row)).sort()
const all = { kind: 'all' } as const

async function rowsOf(chunks: readonly Chunk[]): Promise<(string | null)[][]> {
  return await loadedRows(
    (async function* () {
      yield* chunks
    })(),
  )
}

const table = (rows: number, body: string): string =>
  `CREATE TABLE t (id int PRIMARY KEY, body text); INSERT INTO t SELECT i, ${body} FROM generate_series(1, ${rows}) i; ANALYZE t`

describe('a load beside the stream', () => {
  it('reads every row once, in units of about 2 MB or 10,000 rows, each under a fence of its own', async () => {
    await using rig = await ChunkRig.of(server, table(60_000, "repeat('x', i % 300)"))
    const chunks = await gather(rig.load(all))
    const rows = await rowsOf(chunks)
    expect(rows).toHaveLength(60_000)
    expect(new Set(rows.map(([id]) => id)).size).toBe(60_000)
    for (const { rows: batch, fence, progress, table } of chunks) {
      expect(batch.bytes.length).toBeLessThan(2.2 * 1024 * 1024)
      expect(batch.count).toBeLessThanOrEqual(10_000)
      expect(fence.data).toMatch(/^\d+:\d+:/)
      expect(batch.end).toEqual({ lane: 'load:app.public.t', progress })
      for (const change of batch)
        expect([change.kind, change.transaction, change.position]).toEqual(['r', undefined, fence.high])
      expect(table.name).toBe('app.public.t')
    }
    expect(chunks.length).toBeGreaterThan(5)
    expect(chunks.map(({ progress }) => progress.done)).toEqual([...chunks.slice(1).map(() => false), true])
    expect(chunks.at(-1)!.progress).toMatchObject({ rows: 60_000, totalRows: 60_000 })
  })

  it('bounds a chunk in bytes also where values are large and rows differ', async () => {
    const body = "CASE WHEN i % 50 = 0 THEN repeat(md5(i::text), 40000) ELSE 'small' END"
    await using rig = await ChunkRig.of(
      server,
      `CREATE TABLE t (id int PRIMARY KEY, body text);
      ALTER TABLE t ALTER body SET STORAGE EXTERNAL;
      INSERT INTO t SELECT i, ${body} FROM generate_series(1, 1000) i`,
    )
    const chunks = await gather(rig.load(all))
    for (const { rows } of chunks) expect(rows.bytes.length).toBeLessThan(4 * 1024 * 1024)
    expect(sorted(await rowsOf(chunks)).length).toBe(1000)
    expect(new Set((await rowsOf(chunks)).map(([id]) => id)).size).toBe(1000)
  })

  it('of an empty table is one chunk that is done', async () => {
    await using rig = await ChunkRig.of(server, 'CREATE TABLE t (id int PRIMARY KEY)')
    const chunks = await gather(rig.load(all))
    expect(chunks.map(({ progress, rows }) => [progress.done, rows.count])).toEqual([[true, 0]])
  })

  it('reads partitions by their own names, and their root in key order where the role may not', async () => {
    const ddl = `CREATE TABLE p (region int, id int, body text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
      CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p2 PARTITION OF p FOR VALUES IN (2);
      CREATE TABLE p3 PARTITION OF p FOR VALUES IN (3);
      INSERT INTO p SELECT 1 + i % 3, i, repeat('b', 300) FROM generate_series(1, 30000) i`
    await using rig = await ChunkRig.of(server, ddl)
    const truth = sorted((await rig.sql('SELECT region, id, body FROM p')).map(row => Object.values(row)))
    const byPages = await gather(rig.load(all, { table: 'app.public.p' }))
    expect(sorted(await rowsOf(byPages))).toEqual(truth)

    const role = `root_only_${rig.database}`
    await rig.sql(`CREATE ROLE ${role} LOGIN REPLICATION; GRANT SELECT ON p TO ${role};
      CREATE PUBLICATION owners FOR TABLE p WITH (publish_via_partition_root = true)`)
    await using asRole = await ChunkRig.on(server, server.url(rig.database, role), {
      tables: ['public.p'],
      publication: 'owners',
      slot: role,
    })
    const byKey = await gather(asRole.load(all, { table: 'app.public.p' }))
    expect(byKey.length).toBeGreaterThan(3)
    expect(sorted(await rowsOf(byKey))).toEqual(truth)
    const half = byKey.slice(0, 2)
    const rest = await gather(asRole.load(all, { table: 'app.public.p', resume: half.at(-1)!.progress }))
    expect(sorted([...(await rowsOf(half)), ...(await rowsOf(rest))])).toEqual(truth)
  })

  it('goes on where a former attempt stood, and reads no finished page again', async () => {
    await using rig = await ChunkRig.of(server, table(60_000, "repeat('x', 200)"))
    const first: Chunk[] = []
    for await (const chunk of rig.load(all)) if (first.push(chunk) === 4) break
    const rest = await gather(rig.load(all, { resume: first.at(-1)!.progress }))
    const [before, after] = [await rowsOf(first), await rowsOf(rest)]
    expect(new Set([...before, ...after].map(([id]) => id)).size).toBe(60_000)
    // Of the page at hand the rows come again, no others.
    expect(before.length + after.length - 60_000).toBeLessThan(300)
    expect(rest.at(-1)!.progress.done).toBe(true)
  })

  it.each([
    ['is truncated and filled again', 'TRUNCATE t; INSERT INTO t VALUES (-1, NULL)', ['-1']],
    ['is written anew', 'VACUUM FULL t', undefined],
    ['gets another type', 'ALTER TABLE t ALTER COLUMN body TYPE varchar USING body || 2', undefined],
    ['is emptied', 'TRUNCATE t', []],
  ])('reads again what it has read of a table that %s meanwhile', async (_what, ddl, ids) => {
    await using rig = await ChunkRig.of(server, table(30_000, "repeat('x', 200)"))
    const kept: Chunk[] = []
    let read = 0
    for await (const chunk of rig.load(all)) {
      kept.push(chunk)
      if (++read !== 2) continue
      await rig.sql(ddl)
      // Nothing of what was read before counts now.
      kept.length = 0
    }
    const rows = await rowsOf(kept)
    const truth = (await rig.sql('SELECT id, body FROM t')).map(row => Object.values(row))
    expect(sorted(rows)).toEqual(sorted(truth))
    if (ids !== undefined) expect(rows.map(([id]) => id)).toEqual(ids)
  })

  it('never takes a table for empty that is written anew while the chunk is read', async () => {
    await using rig = await ChunkRig.of(server, table(20_000, "repeat('x', 100)"))
    // The chunk waits for the table's lock with its snapshot taken, and then sees the new file as empty.
    const client = await server.connect(rig.database)
    await client.query('BEGIN; ALTER TABLE t ALTER COLUMN body TYPE text USING body || 1')
    const loading = gather(rig.load(all))
    const waiting = `SELECT 1 FROM pg_stat_activity WHERE application_name LIKE '% load' AND wait_event_type = 'Lock'`
    await until(async () => (await rig.sql(waiting)).length > 0, 'the chunk waits for the lock')
    await client.query('COMMIT')
    await client.end()
    const rows = await rowsOf(await loading)
    expect(rows).toHaveLength(20_000)
    expect(rows[0]![1]).toBe(`${'x'.repeat(100)}1`)
  })

  it('reads given keys, those that are there', async () => {
    await using rig = await ChunkRig.of(server, table(9000, "repeat('x', 500)"))
    const keys = Array.from({ length: 8000 }, (_, i) => keyFromTexts([String(2 * i)]))
    const chunks = await gather(rig.load({ kind: 'keys', keys }))
    const ids = (await rowsOf(chunks)).map(([id]) => Number(id))
    expect(ids).toEqual(Array.from({ length: 4500 }, (_, i) => 2 * (i + 1)))
    expect(await gather(rig.load({ kind: 'keys', keys: [] }))).toHaveLength(1)
  })

  it('takes keys that no row can have for keys without a row', async () => {
    await using rig = await ChunkRig.of(
      server,
      `CREATE TABLE t (id int, day date, PRIMARY KEY (id, day));
       INSERT INTO t SELECT i, date '2020-01-01' FROM generate_series(1, 50) i`,
    )
    const impossible = [
      ['none', '2020-01-01'],
      ['99999999999', '2020-01-01'],
      ['2', '2020-02-30'],
      ['3', ''],
    ]
    const possible = [1, 7, 50].map(id => [String(id), '2020-01-01'])
    const keys = [...impossible, ...possible, ...impossible].map(texts => keyFromTexts(texts))
    const rows = await rowsOf(await gather(rig.load({ kind: 'keys', keys })))
    expect(rows).toEqual(possible)
  })

  it('reads a range in the order of the keys, its chunks bounded by keys without a gap', async () => {
    await using rig = await ChunkRig.of(server, table(40_000, "repeat('x', 100)"))
    const [from, to] = [keyFromTexts(['1000']), keyFromTexts(['33000'])]
    const chunks = await gather(rig.load({ kind: 'range', from, to }))
    const ids = (await rowsOf(chunks)).map(([id]) => Number(id))
    expect(ids).toEqual(Array.from({ length: 32_000 }, (_, i) => 1000 + i))
    expect(chunks.length).toBeGreaterThan(2)
    expect(chunks[0]!.from).toEqual(from)
    expect(chunks.slice(1).map(chunk => chunk.from)).toEqual(chunks.slice(0, -1).map(chunk => chunk.to))
    expect(chunks.at(-1)!.to).toEqual(to)
  })

  it('of a table whose key is hashed finds given keys, and refuses bounds', async () => {
    await using rig = await ChunkRig.of(
      server,
      `CREATE TABLE t (k text PRIMARY KEY, body text);
       INSERT INTO t SELECT 'secret-' || i, 'secret' || i FROM generate_series(1, 30000) i`,
      { maskKey: 'a key of sixteen bytes', columns: { mask: { 'public.t.k': 'hash', 'public.t.body': 'redact' } } },
    )
    const chunks = await gather(rig.load(all))
    const bytes = Buffer.concat(chunks.map(({ rows }) => rows.bytes))
    expect(bytes.includes('secret')).toBe(false)
    const rows = await rowsOf(chunks)
    expect(rows).toHaveLength(30_000)
    const [one, other] = [rows[7]![0]!, rows[29_000]![0]!]
    const found = await gather(rig.load({ kind: 'keys', keys: [keyFromTexts([one]), keyFromTexts([other])] }))
    expect(await rowsOf(found)).toEqual([
      [one, '***'],
      [other, '***'],
    ])
    await expect(gather(rig.load({ kind: 'range', from: keyFromTexts([one]) }))).rejects.toMatchObject({
      code: 'LOAD_KEYS_MASKED',
    })
    expect(await rowsOf(await gather(rig.load({ kind: 'range' })))).toHaveLength(30_000)
  })

  it('is refused for a table without a key', async () => {
    await using rig = await ChunkRig.of(server, 'CREATE TABLE t (line text)', { appendOnly: ['public.t'] })
    expect(() => rig.source.request('app.public.t', all, false)).toThrow(
      expect.objectContaining({ code: 'LOAD_KEYLESS' }),
    )
    expect(rig.source.request('app.public.none', all, false)).toBeUndefined()
  })

  it.each(['aborted', 'left'])('leaves no connection behind when it is %s', async how => {
    await using rig = await ChunkRig.of(server, table(40_000, "repeat('x', 200)"))
    const ending = new AbortController()
    const chunks = rig.load(all, { signal: ending.signal })
    await chunks.next()
    expect(await countLoaders(server, rig.database)).toBe(1)
    if (how === 'left') await chunks.return(undefined)
    else {
      ending.abort(new Error('enough'))
      await expect(gather(chunks)).rejects.toThrow('enough')
    }
    await until(async () => (await countLoaders(server, rig.database)) === 0, 'the connection has ended')
  })
})
