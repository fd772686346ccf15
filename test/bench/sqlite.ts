/**
 * A log in memory into SQLite as the pipeline does it (deliver, the sink in its thread, cursor included, every commit on
 * disk), beside `node:sqlite` by itself: the prepared upsert over values that are there already, a transaction for as
 * many rows, the same journal and synchronous mode. First all rows are new, then all are updated. `--rows N` (200000),
 * `--batch N` rows a transaction (5000), `--rounds N` (3).
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import type { SinkContext, Table } from '../../runtime/contract.ts'
import { createLogger } from '../../runtime/logger.ts'
import { openInWorker } from '../../runtime/worker/client.ts'
import { deliverAll } from './support/deliver-all.ts'
import { FedLog } from './support/fed-log.ts'
import { doseOf } from './support/options.ts'
import { orderRow, orders } from './support/order-rows.ts'
import { type BenchResult, median, note, pairedRatio } from './support/result.ts'

const BATCH_BYTES = 8 * 1024 * 1024
const { signal } = new AbortController()

export default async function sqlite(args: readonly string[]): Promise<BenchResult> {
  const { rows, size, rounds } = doseOf(args, { rows: 200_000, size: 5_000 })
  const figures = { ours: [[], []] as number[][], theirs: [[], []] as number[][] }
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-bench-sqlite-'))
  try {
    await using ours = await openOurs(join(folder, 'ours.db'), size)
    using theirs = openTheirs(join(folder, 'theirs.db'), size)
    // The first round warms up. Each has a table of its own.
    for (let round = 0; round <= rounds; round++) {
      const table: Table = { ...orders, id: round + 1, name: `app.public.orders${round}`, table: `orders${round}` }
      for (const pass of [0, 1]) {
        const cells = Array.from({ length: rows }, (_, i) => orderRow(i, pass))
        const oursMs = await ours.take(table, cells)
        const theirsMs = theirs.take(table, cells)
        if (round === 0) continue
        figures.ours[pass]!.push(rows / oursMs)
        figures.theirs[pass]!.push(rows / theirsMs)
        note(
          `round ${round}, pass ${pass}: ours ${(rows / oursMs).toFixed(0)} k/s, driver ${(rows / theirsMs).toFixed(0)} k/s`,
        )
      }
      expectRows(join(folder, 'ours.db'), `public_${table.table}`, rows)
      expectRows(join(folder, 'theirs.db'), table.table, rows)
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
  const ratio = (pass: number): number | null => pairedRatio(figures.ours[pass]!, figures.theirs[pass]!)
  return {
    ratios: { 'node:sqlite, new rows': ratio(0), 'node:sqlite, updates of all rows': ratio(1) },
    medians: {
      'ours, new rows, k/s': Math.round(median(figures.ours[0]!)),
      'ours, updates, k/s': Math.round(median(figures.ours[1]!)),
      'node:sqlite, new rows, k/s': Math.round(median(figures.theirs[0]!)),
      'node:sqlite, updates, k/s': Math.round(median(figures.theirs[1]!)),
    },
  }
}

/** `take`: milliseconds from the rows in the log to the rows in the database. */
async function openOurs(path: string, size: number) {
  const logger = createLogger('error')
  const context: SinkContext = { pipeline: 'bench', name: 'copy', logger, sources: ['app'], onDelete: 'delete' }
  const fed = new FedLog()
  const { log } = fed
  const target = await openInWorker('sqlite', '.', { path, name: '{schema}_{table}', search: {} }, context)
  const sink = await target.sink({ name: 'app', logId: log.id }, signal)
  return {
    async take(table: Table, rows: readonly (string | null)[][]): Promise<number> {
      await fed.append(table, rows)
      return deliverAll(log, sink, 'copy', { maxRows: size, maxBytes: BATCH_BYTES })
    },
    async [Symbol.asyncDispose]() {
      await target[Symbol.asyncDispose]()
    },
  }
}

function openTheirs(path: string, size: number) {
  const database = new DatabaseSync(path)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -16384')
  const types = orders.columns.map(({ type }) => (isInteger(type.kind) ? 'INTEGER' : 'TEXT'))
  const columns = orders.columns.map(({ name }, i) => `${name} ${types[i]}${i === 0 ? ' PRIMARY KEY' : ''}`)
  const names = orders.columns.map(({ name }) => name)
  const updates = names.slice(1).map(name => `${name} = excluded.${name}`)
  return {
    take({ table }: Table, rows: readonly (string | null)[][]): number {
      database.exec(`CREATE TABLE IF NOT EXISTS ${table} (${columns.join(', ')}) STRICT`)
      const upsert = database.prepare(
        `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})
         ON CONFLICT (id) DO UPDATE SET ${updates.join(', ')}`,
      )
      const values = rows.map(cells => cells.map(bindable))
      const began = performance.now()
      for (let from = 0; from < values.length; from += size) {
        database.exec('BEGIN IMMEDIATE')
        const end = Math.min(from + size, values.length)
        for (let i = from; i < end; i++) upsert.run(...values[i]!)
        database.exec('COMMIT')
      }
      return performance.now() - began
    },
    [Symbol.dispose]() {
      database.close()
    },
  }
}

function bindable(text: string | null, column: number): SQLInputValue {
  const { kind } = orders.columns[column]!.type
  if (text === null || !isInteger(kind)) return text
  return kind === 'boolean' ? Number(text === 't') : Number(text)
}

function isInteger(kind: string): boolean {
  return kind === 'int64' || kind === 'int32' || kind === 'boolean'
}

function expectRows(path: string, name: string, rows: number): void {
  using database = new DatabaseSync(path, { readOnly: true })
  const { count } = database.prepare(`SELECT count(*) AS count FROM ${name} WHERE status = 'shipped'`).get()!
  if (count !== rows) throw new Error(`${path} holds ${count} rows instead of ${rows}`)
}
