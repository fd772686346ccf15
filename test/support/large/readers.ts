import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Table } from '../../../runtime/contract.ts'
import embedded from '../../../runtime/log/embedded.ts'
import { createLogger } from '../../../runtime/logger.ts'
import { asBuffer, cellEnd, contentAt } from '../../../runtime/record/cells.ts'
import { CellTag } from '../../../runtime/record/layout.ts'
import { queryFile } from '../duckdb-client.ts'
import type { RedisServer } from '../redis.ts'
import { type DigestedTable, digestOf, type RowDigest } from './digests.ts'

/** Reads back what a log or a sink holds of a table, through the target's own client, at rest. */

export type SinkName = 'sqlite' | 'jsonl' | 'redis' | 'duckdb'
export type Rows = Map<string, RowDigest>

export const SINKS: readonly SinkName[] = ['sqlite', 'jsonl', 'redis', 'duckdb']

/** Options of the sink in the configuration file, beside its type. `redis` needs a server. */
export function sinkOptions(sink: SinkName, redis: RedisServer | undefined): Readonly<Record<string, string>> {
  switch (sink) {
    case 'sqlite':
      return { path: './rows.db' }
    case 'jsonl':
      return { path: './files', mode: 'state' }
    case 'redis':
      return { url: redis!.url() }
    case 'duckdb':
      return { path: './rows.duckdb' }
  }
}

export async function sinkRows(
  sink: SinkName,
  folder: string,
  redis: RedisServer | undefined,
  table: DigestedTable,
): Promise<Rows> {
  switch (sink) {
    case 'sqlite':
      return sqliteRows(join(folder, 'rows.db'), table)
    case 'jsonl':
      return jsonlRows(join(folder, 'files', `public.${table.name}`), table)
    case 'redis':
      return redisRows(redis!, table)
    case 'duckdb':
      return duckdbRows(join(folder, 'rows.duckdb'), table)
  }
}

/** The newest row of each key in the log of source `app`. */
export async function logRows(folder: string, { name, columns, bytes }: DigestedTable): Promise<Rows> {
  const context = { pipeline: 'x', name: 'app', logger: createLogger('error'), folder: join(folder, 'data', 'app') }
  await using log = await embedded.inspect!(embedded.config.parse({ path: join(folder, 'data') }), context)
  const rows: Rows = new Map()
  let places: Places = { table: undefined, of: () => -1 }
  const end = log.end()!
  for await (const batch of log.read('start', each => each.table === name, new AbortController().signal)) {
    for (const change of batch) {
      const { table, kind } = change
      if (kind === 's') continue
      if (table !== places.table) places = placesOf(table)
      if (kind === 'd') {
        rows.delete(change.before(places.of('id'))!)
        continue
      }
      const cells = [...cellsOf(change.cells)]
      const digests = columns.map(column => {
        const cell = cells[places.of(column)]
        if (cell === null || cell === undefined) return [column, null] as const
        const value = bytes.has(column) ? Buffer.from(cell.toString('latin1', 2), 'hex') : cell
        return [column, digestOf(value)] as const
      })
      rows.set(String(cells[places.of('id')]), Object.fromEntries(digests))
    }
    if (log.compare(batch.cursor, end) !== 'before') break
  }
  return rows
}

interface Places {
  readonly table: Table | undefined
  of(column: string): number
}

function placesOf(table: Table): Places {
  const places = new Map(table.columns.map(({ name }, i) => [name, i]))
  return { table, of: column => places.get(column)! }
}

/** The content of each cell; null where there is none. */
function* cellsOf(run: Uint8Array): Generator<Buffer | null> {
  const bytes = asBuffer(run)
  for (let at = 0; at < bytes.length; ) {
    const end = cellEnd(bytes, at, bytes.length)
    yield bytes[at] === CellTag.text ? bytes.subarray(contentAt(bytes, at), end) : null
    at = end
  }
}

function sqliteRows(path: string, { name, columns }: DigestedTable): Rows {
  using database = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
  const statement = database.prepare(`SELECT * FROM public_${name}`)
  statement.setReadBigInts(true)
  const rows: Rows = new Map()
  for (const row of statement.iterate()) {
    const digests = columns.map(column => [column, digestOfValue(row[column])] as const)
    rows.set(String(row.id), Object.fromEntries(digests))
  }
  return rows
}

export function sqliteCount(folder: string, table: string): number {
  using database = new DatabaseSync(join(folder, 'rows.db'), { readOnly: true, timeout: 5000 })
  return database.prepare(`SELECT count(*) AS count FROM ${table}`).get()!.count as number
}

function digestOfValue(value: unknown): string | null {
  if (value === null || value === undefined) return null
  return digestOf(value instanceof Uint8Array ? value : String(value))
}

function jsonlRows(folder: string, table: DigestedTable): Rows {
  const rows: Rows = new Map()
  for (const file of readdirSync(folder)
    .filter(name => name.endsWith('.jsonl'))
    .sort()) {
    const bytes = readFileSync(join(folder, file))
    for (let at = 0, end = bytes.indexOf(10); end !== -1; at = end + 1, end = bytes.indexOf(10, at)) {
      const { key, value } = JSON.parse(bytes.toString('utf8', at, end)) as { key?: [number]; value: Json | null }
      if (key === undefined) continue
      if (value === null) rows.delete(String(key[0]))
      else rows.set(String(key[0]), digestOfJson(value, table))
    }
  }
  return rows
}

type Json = Record<string, string | number | boolean | null>

function digestOfJson(json: Json, { columns, bytes }: DigestedTable): RowDigest {
  const digests = columns.map(column => {
    const value = json[column] ?? null
    if (value === null) return [column, null] as const
    return [column, digestOf(bytes.has(column) ? Buffer.from(String(value), 'base64') : String(value))] as const
  })
  return Object.fromEntries(digests)
}

async function redisRows(redis: RedisServer, table: DigestedTable): Promise<Rows> {
  const rows: Rows = new Map()
  for (const key of (await redis.command(['KEYS', `public.${table.name}:*`])) as readonly Buffer[]) {
    const value = (await redis.command(['GET', key])) as Buffer
    rows.set(String(key).split(':')[1]!, digestOfJson(JSON.parse(value.toString()) as Json, table))
  }
  return rows
}

async function duckdbRows(path: string, { name, columns, bytes }: DigestedTable): Promise<Rows> {
  const digests = columns.map(column => {
    const quoted = `"${column.replaceAll('"', '""')}"`
    return `md5(${bytes.has(column) ? quoted : `CAST(${quoted} AS VARCHAR)`}) AS ${quoted}`
  })
  const rows = await queryFile(path, `SELECT id AS "row id", ${digests.join(', ')} FROM public.${name}`)
  return new Map(rows.map(({ 'row id': id, ...row }) => [String(id), row as RowDigest]))
}
