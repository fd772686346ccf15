/** Polls a sink's target through its own client while the sink is built anew and rolled back under writes. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import type pg from 'pg'
import { start } from '../../runtime/testing.ts'
import { CATALOG, Database } from '../../sinks/duckdb-file/database.ts'
import { addressOf } from '../../sinks/redis/address.ts'
import { Connection } from '../../sinks/redis/connection.ts'
import { Random } from '../crash/random.ts'
import type { ClickhouseServer } from './clickhouse/clickhouse-server.ts'
import type { PostgresServer } from './postgres.ts'
import type { RedisServer } from './redis.ts'
import type { Figures } from './run-full.ts'
import type { SearchServer } from './search/search-server.ts'
import { until } from './until.ts'

export interface PollDose {
  readonly polls: number
  readonly rows: number
  readonly seed: number
}

/** What a sink of each type is built in: those with servers need theirs. */
export interface PollServers {
  readonly postgres: PostgresServer
  readonly redis?: RedisServer
  readonly search?: SearchServer
  readonly clickhouse?: ClickhouseServer
}

type SinkType = 'sqlite' | 'redis' | 'duckdb' | 'postgres' | 'elasticsearch' | 'clickhouse'

interface Hits {
  readonly hits: { readonly hits: readonly { readonly _source: { readonly id: number; readonly version: number } }[] }
}

/** By id, the version of each row that is there. */
type Look = () => Promise<ReadonlyMap<number, number>>

const EVERY_MS = 10
const SYNC_MS = 60_000
/** An engine that is searched, written to and built anew on two cores is slower than PostgreSQL writes without a pause. */
const PACE_MS = 20
const PACED: ReadonlySet<SinkType> = new Set(['elasticsearch', 'clickhouse'])
/** A pipeline of a test has a name of its own, that of an index would be known by. */
const ALIAS = 'polls-item'

export async function pollThroughRebuilds(
  servers: PollServers,
  type: SinkType,
  { polls: wanted, rows, seed }: PollDose,
): Promise<Figures> {
  const server = servers.postgres
  const url = await server.createDatabase()
  const name = decodeURIComponent(new URL(url).pathname.slice(1))
  const sql = (text: string): Promise<unknown> => server.sql(text, [], name)
  await sql('CREATE TABLE item (id int PRIMARY KEY, version int NOT NULL)')
  await sql(`INSERT INTO item SELECT n, 0 FROM generate_series(1, ${rows}) n`)
  const place = type === 'postgres' ? { url, name: 'copy.{table}' } : placeOf(type, servers)
  const config = {
    pipeline: 'polls',
    log: { path: './data' },
    sources: { app: { type: 'postgres', url, tables: ['public.item'] } },
    sinks: { copy: { type, ...place } },
  }
  await using pipeline = await start({ config })
  await pipeline.synced('copy', { timeout: SYNC_MS })
  await using stack = new AsyncDisposableStack()
  const look =
    type === 'postgres'
      ? tableLooker(stack.adopt(await server.connect(name), client => client.end()))
      : await looker(type, join(pipeline.folder, `rows.${type}`), servers, rows, stack)

  const versions = new Map<number, number>()
  const tally = { polls: 0, rebuilds: 0, rollbacks: 0, changes: 0 }
  const poll = async (): Promise<void> => {
    const found = await look()
    assert.equal(found.size, rows, `poll ${tally.polls} saw ${found.size} rows`)
    for (const [id, version] of found) {
      assert.ok(version >= (versions.get(id) ?? 0), `poll ${tally.polls} saw version ${version} of row ${id} again`)
      versions.set(id, version)
    }
    tally.polls++
  }
  const random = new Random(seed)
  let isOver = false
  const enough = (): boolean => isOver || tally.polls >= wanted
  const writing = (async () => {
    while (!enough()) {
      const from = random.between(1, rows)
      await sql(`UPDATE item SET version = version + 1 WHERE id BETWEEN ${from} AND ${from + 20}`)
      tally.changes += Math.min(21, rows - from + 1)
      if (PACED.has(type)) await setTimeout(PACE_MS)
    }
  })()
  const polling = (async () => {
    while (!enough()) {
      const next = setTimeout(EVERY_MS)
      await poll()
      await next
    }
  })()
  const rebuilding = (async () => {
    for (let rollback = false; !enough(); rollback = !rollback) {
      await rebuilt(pipeline.url, { rollback })
      if (rollback) tally.rollbacks++
      else tally.rebuilds++
    }
  })()
  try {
    await Promise.all([polling, writing, rebuilding])
  } finally {
    isOver = true
    await Promise.allSettled([polling, writing, rebuilding])
  }
  await pipeline.synced('copy', { timeout: SYNC_MS })
  await poll()
  const [sum] = (await sql('SELECT sum(version)::text AS sum FROM item')) as { sum: string }[]
  assert.equal(String([...versions.values()].reduce((a, b) => a + b, 0)), sum!.sum)
  return tally
}

async function rebuilt(url: string, body: { rollback: boolean }): Promise<void> {
  const response = await fetch(new URL('/sinks/copy/backfill', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  assert.equal(response.status, 202, await response.text())
  await until(
    async () => {
      const status = (await (await fetch(new URL('/status', url))).json()) as {
        sinks: { copy: { rebuild: { state: string; error: unknown } | null } }
      }
      const { rebuild } = status.sinks.copy
      if (rebuild?.state === 'failed') throw new Error(JSON.stringify(rebuild.error))
      return rebuild === null
    },
    'it is built anew',
    120,
  )
}

/** The sink's tables lie beside those of the source. */
function tableLooker(client: pg.Client): Look {
  return async () => {
    const { rows } = await client.query<{ id: string; version: string }>('SELECT id, version FROM copy.item')
    return new Map(rows.map(({ id, version }) => [Number(id), Number(version)]))
  }
}

function placeOf(type: SinkType, { redis, search, clickhouse }: PollServers): object {
  if (type === 'redis') return { url: redis!.url() }
  if (type === 'elasticsearch')
    return { url: search!.url, name: 'polls-{table}', refresh: 'true', settings: { number_of_replicas: 0 } }
  if (type === 'clickhouse') return { url: clickhouse!.url }
  return { path: `./rows.${type}` }
}

async function looker(
  type: SinkType,
  path: string,
  { redis, search, clickhouse }: PollServers,
  rows: number,
  stack: AsyncDisposableStack,
): Promise<Look> {
  const query = 'SELECT id, version FROM'
  if (type === 'sqlite') {
    const database = stack.adopt(new DatabaseSync(path, { readOnly: true, timeout: 5000 }), each => each.close())
    const all = database.prepare(`${query} public_item`)
    return async () => new Map(all.all().map(({ id, version }) => [Number(id), Number(version)]))
  }
  if (type === 'duckdb') {
    // One process may open the file: this is the one that the sink has open.
    const database = stack.use(await Database.open(path, { memory: 1e9, threads: 1 }))
    return async () => {
      using reader = await database.reader(new AbortController().signal)
      const found = new Map<number, number>()
      for await (const page of reader.query(`${query} ${CATALOG}.public.item`))
        for (const [id, version] of page) found.set(Number(id), Number(version))
      return found
    }
  }
  if (type === 'elasticsearch')
    return async () => {
      const { hits } = (await search!.ask('POST', `/${ALIAS}/_search`, { size: rows })) as Hits
      return new Map(hits.hits.map(({ _source: { id, version } }) => [id, version]))
    }
  if (type === 'clickhouse')
    return async () => {
      const found = await clickhouse!.rows<{ readonly id: number; readonly version: number }>(
        `${query} public.item FINAL`,
      )
      return new Map(found.map(({ id, version }) => [Number(id), Number(version)]))
    }
  const keys = Array.from({ length: rows }, (_, i) => `public.item:${i + 1}`)
  const never = new AbortController().signal
  const connection = stack.use(await Connection.open(addressOf(redis!.url()), 'polls', never))
  return async () => {
    // Not MGET: each key by itself, as readers of a cache ask.
    const replies = (await connection.askAll(keys.map(key => ['GET', key]))) as (Buffer | null)[]
    const found = replies.flatMap(reply =>
      reply === null ? [] : [JSON.parse(String(reply)) as Record<string, number>],
    )
    return new Map(found.map(({ id, version }) => [id!, version!]))
  }
}
