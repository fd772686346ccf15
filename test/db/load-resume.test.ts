import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { postgresConfig } from '../../connectors/postgres/config.ts'
import { PostgresSource } from '../../connectors/postgres/source.ts'
import type { Chunk, LoadRequest } from '../../runtime/contract.ts'
import { createLogger } from '../../runtime/logger.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { StreamRig } from '../support/postgres-source.ts'

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server[Symbol.asyncDispose]())

const ROWS = 200_000
const TABLE = `CREATE TABLE t (id int PRIMARY KEY, body text);
  INSERT INTO t SELECT i, repeat('x', 200) FROM generate_series(1, ${ROWS}) i; ANALYZE t`
const signal = (): AbortSignal => AbortSignal.timeout(60_000)

async function place(ddl: string, options: object = {}) {
  const url = await server.createDatabase()
  const database = new URL(url).pathname.slice(1)
  const sql = (text: string) => server.sql(text, [], database)
  await sql(ddl)
  return { rig: new StreamRig(url, options), sql, url }
}

/** A first load that is killed once `enough` says so, its units so far in the log. Answers the rows read. */
async function interrupted(rig: StreamRig, enough: (rows: number, table: string) => boolean): Promise<number> {
  await using source = rig.open()
  let rows = 0
  for (const request of await source.start(rig.log.resume(), signal()))
    for await (const chunk of source.load(request, signal())) {
      rig.log.append(chunk.rows)
      rows += idsOf([chunk]).length
      if (enough(rows, request.table.table)) return rows
    }
  throw new Error('the load ended before it was interrupted')
}

const idsOf = (chunks: readonly Chunk[]): string[] => {
  const ids: string[] = []
  for (const { rows } of chunks) for (const change of rows) if (change.kind === 'r') ids.push(change.text(0)!)
  return ids
}

async function readAll(source: PostgresSource, requests: readonly LoadRequest[]): Promise<Chunk[]> {
  const chunks: Chunk[] = []
  for (const request of requests) for await (const chunk of source.load(request, signal())) chunks.push(chunk)
  return chunks
}

const beginsWithTruncate = (chunks: readonly Chunk[]): boolean =>
  Array.from(chunks[0]!.rows, ({ kind }) => kind).includes('t')

describe('a first load that was interrupted', () => {
  it.each([0.3, 0.6, 0.9])('at %d goes on beside the stream, and reads no finished range again', async share => {
    const { rig } = await place(TABLE)
    const before = await interrupted(rig, rows => rows >= share * ROWS)
    const seen = new Set(rig.log.units.flatMap(({ lines }) => lines.map(({ text }) => text)))
    await using source = rig.open()
    const requests = await source.start(rig.log.resume(), signal())
    expect(requests).toMatchObject([{ beside: true, restart: false, resume: { done: false } }])
    const chunks = await readAll(source, requests)
    const again = idsOf(chunks)
    // Two ranges of 24 were at hand, and pages of one chunk.
    expect(again.length).toBeLessThan((1.09 - share) * ROWS)
    expect(again.length + before).toBeGreaterThanOrEqual(ROWS)
    expect(chunks.at(-1)!.progress.done).toBe(true)
    const first = [...seen].filter(text => text.startsWith('r ')).map(text => JSON.parse(text.slice(text.indexOf('['))))
    expect(new Set([...first.map(([id]: [number]) => String(id)), ...again]).size).toBe(ROWS)
  })

  it('begins its stream at the slot’s consistent point: what was written meanwhile is streamed', async () => {
    const { rig, sql } = await place(TABLE)
    await interrupted(rig, rows => rows >= ROWS / 3)
    await sql('UPDATE t SET body = NULL WHERE id = 1; DELETE FROM t WHERE id = 2')
    await using source = rig.open()
    for await (const _ of rig.stream(source, signal())) if (rig.log.lines.length >= 2) break
    expect(rig.log.texts).toEqual(['u app.public.t [1,null]', expect.stringMatching(/^d app.public.t/)])
    // And it goes on as any other afterwards.
    await source[Symbol.asyncDispose]()
    await using later = rig.open()
    expect(await later.start(rig.log.resume(), signal())).toEqual([])
  })

  it('does not load tables again that were finished, and loads those that had not begun', async () => {
    const { rig } = await place(`CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a VALUES (1);
      CREATE TABLE z (id int PRIMARY KEY); INSERT INTO z VALUES (1); ${TABLE}`)
    await interrupted(rig, (_, table) => table === 't')
    await using source = rig.open()
    const requests = await source.start(rig.log.resume(), signal())
    expect(requests.map(({ table, beside }) => [table.table, beside])).toEqual([
      ['t', true],
      ['z', true],
    ])
  })

  it.each([
    ['is gone', "SELECT pg_drop_replication_slot('SLOT')"],
    [
      'was made again',
      "SELECT pg_drop_replication_slot('SLOT'), pg_create_logical_replication_slot('SLOT', 'pgoutput')",
    ],
  ])('begins anew where the slot %s', async (_what, text) => {
    const { rig, sql } = await place(TABLE)
    await interrupted(rig, rows => rows >= ROWS / 3)
    for (const statement of text.replaceAll('SLOT', rig.slot).split(', pg'))
      await sql(statement.startsWith('SELECT') ? statement : `SELECT pg${statement}`)
    await using source = rig.open()
    const requests = await source.start(rig.log.resume(), signal())
    expect(requests).toMatchObject([{ beside: false, restart: true }])
    const chunks = await readAll(source, requests)
    expect(beginsWithTruncate(chunks)).toBe(true)
    expect(idsOf(chunks)).toHaveLength(ROWS)
  })

  it('reads all of a table again, beside the stream, that got another type', async () => {
    const { rig, sql } = await place(TABLE)
    await interrupted(rig, rows => rows >= ROWS / 3)
    await sql('ALTER TABLE t ALTER COLUMN body TYPE varchar USING body || 1')
    await using source = rig.open()
    const requests = await source.start(rig.log.resume(), signal())
    expect(requests).toMatchObject([{ beside: true, table: { version: 2 } }])
    const chunks = await readAll(source, requests)
    expect(new Set(idsOf(chunks)).size).toBe(ROWS)
    const bodies = chunks.flatMap(({ rows }) =>
      Array.from(rows, change => (change.kind === 'r' ? change.text(1) : null)),
    )
    expect(bodies.filter(body => body !== null && !body.endsWith('1'))).toEqual([])
    expect(bodies.filter(body => body !== null)).toHaveLength(ROWS)
  })

  it('reads a table again as a whole, beside the stream, whose file is another one', async () => {
    const { rig, sql } = await place(TABLE)
    await interrupted(rig, rows => rows >= ROWS / 3)
    await sql('VACUUM FULL t')
    await using source = rig.open()
    const requests = await source.start(rig.log.resume(), signal())
    expect(requests).toMatchObject([{ beside: true }])
    expect(new Set(idsOf(await readAll(source, requests))).size).toBe(ROWS)
  })

  it('begins anew where a table without a key is not read: it cannot be merged', async () => {
    const { rig } = await place(
      "CREATE TABLE t (line text); INSERT INTO t SELECT repeat('x', 200) FROM generate_series(1, 100000)",
      {
        appendOnly: ['public.t'],
      },
    )
    await interrupted(rig, rows => rows >= 30_000)
    await using source = rig.open()
    expect(await source.start(rig.log.resume(), signal())).toMatchObject([{ beside: false, restart: true }])
  })

  it('that takes too long under the snapshot ends by itself, and the rest is read beside the stream', async () => {
    const { rig, url } = await place(
      `CREATE TABLE a (line text); INSERT INTO a VALUES ('x'); CREATE TABLE z (id int PRIMARY KEY);
      INSERT INTO z VALUES (1); ${TABLE}`,
      { appendOnly: ['public.a'] },
    )
    const config = postgresConfig.parse({ url, tables: ['public.*'], appendOnly: ['public.a'] })
    const context = { pipeline: rig.pipeline, name: 'app', logger: createLogger('silent'), folder: '' }
    await using source = new PostgresSource(config, context, { fastLaneMs: 0 })
    const requests = await source.start(undefined, signal())
    const left: LoadRequest[] = []
    const ids: string[] = []
    for (const request of requests) {
      let last: Chunk | undefined
      for await (const chunk of source.load(request, signal())) {
        rig.log.append(chunk.rows)
        ids.push(...idsOf([chunk]))
        last = chunk
      }
      if (!last!.progress.done) left.push({ ...request, beside: true, resume: last!.progress })
    }
    expect(left.map(({ table }) => table.table)).toEqual(['t', 'z'])
    expect(ids).toEqual(['x'])
    const streaming = source.changes(signal())
    await streaming.next()
    expect(idsOf(await readAll(source, left))).toHaveLength(ROWS + 1)
    await streaming.return?.(undefined)
  })
})
