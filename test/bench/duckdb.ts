import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance, type DuckDBType, type DuckDBValue } from '@duckdb/node-api'
import { pino } from 'pino'
import type { LogBatch, SinkContext } from '../../runtime/contract.ts'
import duckdb from '../../sinks/duckdb.ts'
import { driverType } from '../../sinks/duckdb-file/row-set.ts'
import { sqlType } from '../../sinks/duckdb-file/storage.ts'
import { ScriptedLog, tuple } from '../support/scripted-log.ts'
import { orderRow, orders } from './support/order-rows.ts'
import { chunksOf, orderStorages, orderValues } from './support/order-values.ts'
import { type BenchResult, median, note, pairedRatio } from './support/result.ts'

/**
 * Batches of the log into DuckDB, cursor included, against DuckDB's own bulk way for Node: values that are there
 * already, chunk by chunk through the appender into a staging table, INSERT OR REPLACE from it, one commit a batch of
 * the same size. First all rows are new, then all are updated. `--rows N` rows a round, `--batch N` rows a batch.
 */

const ROUNDS = 3

export default async function duckdbBench(args: readonly string[]): Promise<BenchResult> {
  const option = (name: string, byDefault: number): number =>
    args.includes(name) ? Number(args[args.indexOf(name) + 1]) : byDefault
  const rows = option('--rows', 50_000)
  const size = option('--batch', 5000)
  const api = await import('@duckdb/node-api')
  const types = orderStorages.map(each => driverType(api, each))
  const figures = { ours: [[], []] as number[][], theirs: [[], []] as number[][] }
  let blocked = 0
  for (let round = 0; round <= ROUNDS; round++) {
    const folder = await mkdtemp(join(tmpdir(), 'tailrace-bench-duckdb-'))
    try {
      const ours = await openOurs(join(folder, 'ours.duckdb'))
      const theirs = await openTheirs(join(folder, 'theirs.duckdb'), types)
      for (const pass of [0, 1]) {
        let [oursMs, theirsMs] = [0, 0]
        for (let from = 0; from < rows; from += size) {
          const cells = Array.from({ length: Math.min(size, rows - from) }, (_, i) => orderRow(from + i, pass))
          const batch = ours.batch(cells)
          const values = orderValues(cells)
          blocked = Math.max(
            blocked,
            await longestTurn(async () => {
              oursMs += await timed(() => ours.write(batch))
            }),
          )
          theirsMs += await timed(() => theirs.write(values))
        }
        // The first round warms up.
        if (round === 0) continue
        figures.ours[pass]!.push(rows / oursMs)
        figures.theirs[pass]!.push(rows / theirsMs)
        note(
          `round ${round}, pass ${pass}: ours ${(rows / oursMs).toFixed(0)} k/s, driver ${(rows / theirsMs).toFixed(0)} k/s`,
        )
      }
      await ours.close(rows)
      await theirs.close(rows)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
  const ratio = (pass: number): number | null => pairedRatio(figures.ours[pass]!, figures.theirs[pass]!)
  return {
    ratios: { 'the driver, new rows': ratio(0), 'the driver, updates of all rows': ratio(1) },
    medians: {
      'ours, new rows, k/s': Math.round(median(figures.ours[0]!)),
      'ours, updates, k/s': Math.round(median(figures.ours[1]!)),
      'driver, new rows, k/s': Math.round(median(figures.theirs[0]!)),
      'driver, updates, k/s': Math.round(median(figures.theirs[1]!)),
      'longest turn of the event loop, ms': Math.round(blocked),
    },
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now()
  await work()
  return performance.now() - from
}

/** How long the event loop was held at most while the work ran, ms. */
async function longestTurn(work: () => Promise<void>): Promise<number> {
  let longest = 0
  let last = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    longest = Math.max(longest, now - last - 1)
    last = now
  }, 1)
  await work()
  clearInterval(timer)
  return Math.max(longest, performance.now() - last - 1)
}

interface Contender<T> {
  write(batch: T): Promise<unknown>
  /** Throws unless it holds so many rows. */
  close(rows: number): Promise<void>
}

async function openOurs(path: string): Promise<Contender<LogBatch> & { batch(rows: (string | null)[][]): LogBatch }> {
  const context: SinkContext = {
    pipeline: 'bench',
    name: 'warehouse',
    logger: pino({ level: 'silent' }),
    sources: ['app'],
    onDelete: 'delete',
  }
  const target = await duckdb.open(duckdb.config.parse({ path }), context)
  const signal = new AbortController().signal
  const log = new ScriptedLog('5c21')
  const sink = await target.sink({ name: 'app', logId: log.id }, signal)
  await sink.write(
    log.batch(writer => writer.announce(orders)),
    signal,
  )
  return {
    batch: rows =>
      log.batch(writer => {
        for (const cells of rows) writer.row('u', orders, tuple(cells))
      }),
    write: batch => sink.write(batch, signal),
    async close(rows) {
      await target[Symbol.asyncDispose]()
      await expectRows(path, 'public.orders', rows)
    },
  }
}

async function openTheirs(path: string, types: DuckDBType[]): Promise<Contender<DuckDBValue[][]>> {
  const instance = await DuckDBInstance.create(path, { threads: '1', memory_limit: '1GB' })
  const connection = await instance.connect()
  const columns = orders.columns.map((each, i) => `${each.name} ${sqlType(orderStorages[i]!)}`).join(', ')
  await connection.run(`CREATE TABLE orders (${columns}, PRIMARY KEY (id))`)
  await connection.run(`CREATE TEMP TABLE staging (${columns})`)
  return {
    async write(values) {
      await connection.run('BEGIN')
      const appender = await connection.createAppender('staging', 'main', 'temp')
      for (const chunk of chunksOf(values, types)) appender.appendDataChunk(chunk)
      appender.closeSync()
      await connection.run('INSERT OR REPLACE INTO orders SELECT * FROM staging')
      await connection.run('TRUNCATE staging')
      await connection.run('COMMIT')
    },
    async close(rows) {
      connection.closeSync()
      instance.closeSync()
      await expectRows(path, 'orders', rows)
    },
  }
}

async function expectRows(path: string, name: string, rows: number): Promise<void> {
  const instance = await DuckDBInstance.create(path)
  const connection = await instance.connect()
  const [[count]] = (await (
    await connection.run(`SELECT count(*) FROM ${name} WHERE status = 'shipped'`)
  ).getRows()) as [[bigint]]
  connection.closeSync()
  instance.closeSync()
  if (Number(count) !== rows) throw new Error(`${path} holds ${count} rows instead of ${rows}`)
}
