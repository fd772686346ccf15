import type { CacheServer } from '../cache-server.ts'
import { RedisClient } from '../redis-client.ts'
import { type Cell, Rows, type TableShape } from '../rows.ts'
import { type JsonRow, jsonCell, parseDigits } from './json-cells.ts'
import type { DemoSink } from './sink.ts'
import { ADDED, addedJson, CHANGED, REMOVED, TABLE, tamperedJson } from './tampering.ts'

/** Keys looked through, and rows asked for, at once. */
const SCAN_KEYS = 1000
const PAGE_KEYS = 250

/** The shop's rows in Redis, a string of JSON each. */
export class CacheSink implements DemoSink {
  readonly name = 'cache'
  readonly about: readonly string[]
  readonly options: DemoSink['options']
  readonly examples: DemoSink['examples']
  readonly #server: CacheServer
  readonly #prefix: string
  readonly #signal: AbortSignal

  /** `prefix`: the name of the pipeline, with which each key begins. */
  constructor(server: CacheServer, prefix: string, note: string | undefined, signal: AbortSignal) {
    const { host, port, version, isShared } = server
    this.#server = server
    this.#prefix = prefix
    this.#signal = signal
    const where = `${version} at ${host}:${port}`
    this.about = isShared
      ? [`${where}, as ${prefix}:*, removed at the end`]
      : [`${where}, started for this`, ...(note === undefined ? [] : [`(${note})`])]
    this.options = { type: 'redis', url: `redis://${host}:${port}`, name: '{pipeline}:{schema}.{table}' }
    const command = (at: string): string => `redis-cli ${at} get ${this.keyOf('products', 'SKU-000036')}`
    const at = host === '127.0.0.1' ? `-p ${port}` : `-h ${host} -p ${port}`
    this.examples = [{ what: 'look into the cache', live: command(at), later: command('-p PORT') }]
  }

  /** The server is somebody's. */
  get isShared(): boolean {
    return this.#server.isShared
  }

  /** All keys there that are the demo's: patterns. */
  get keys(): string {
    const { host, port } = this.#server
    return `${this.#prefix}:* and _tailrace:${this.#prefix}:* at ${host}:${port}`
  }

  keyOf(table: string, key: string): string {
    return `${this.#prefix}:public.${table}:${key}`
  }

  async get(key: string): Promise<string | null> {
    await using client = this.#connect()
    return (await client.ask('GET', key)) as string | null
  }

  async read(shape: TableShape): Promise<Rows> {
    await using client = this.#connect()
    const start = this.keyOf(shape.table, '')
    const rows = new Rows(shape)
    const keys = [...(await allKeys(client, `${start}*`))]
    for (let from = 0; from < keys.length; from += PAGE_KEYS) {
      const page = keys.slice(from, from + PAGE_KEYS)
      const values = (await client.ask('MGET', ...page)) as readonly (string | null)[]
      // A key that holds something else is null here, as one that is gone.
      page.forEach((key, i) => {
        const value = values[i]
        if (typeof value === 'string') rows.add(rowOf(shape, value), key.slice(start.length).split('|'))
      })
    }
    return rows
  }

  async tamper(): Promise<void> {
    await using client = this.#connect()
    const [changed, removed, added] = [CHANGED, REMOVED, ADDED].map(id => this.keyOf(TABLE, `${id}`)) as [
      string,
      string,
      string,
    ]
    await client.ask('SET', added, addedJson(String(await client.ask('GET', removed))))
    await client.ask('UNLINK', removed)
    await client.ask('SET', changed, tamperedJson(String(await client.ask('GET', changed))))
  }

  #connect(): RedisClient {
    return new RedisClient(this.#server, this.#signal)
  }
}

/** A walk over the keys may meet one twice. */
async function allKeys(client: RedisClient, pattern: string): Promise<Set<string>> {
  const keys = new Set<string>()
  let cursor = '0'
  do {
    const reply = await client.ask('SCAN', cursor, 'MATCH', pattern, 'COUNT', `${SCAN_KEYS}`)
    const [next, page] = reply as readonly [string, readonly string[]]
    cursor = next
    for (const key of page) keys.add(key)
  } while (cursor !== '0')
  return keys
}

function rowOf(shape: TableShape, value: string): Cell[] {
  const row = parseDigits(value) as JsonRow
  return shape.columns.map(({ name, type }) => jsonCell(type, row[name]))
}
