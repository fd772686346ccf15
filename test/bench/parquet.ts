import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DuckDBValue } from '@duckdb/node-api'
import { pino } from 'pino'
import type { LogBatch, SinkContext } from '../../runtime/contract.ts'
import { driverType } from '../../sinks/duckdb-file/row-set.ts'
import { sqlType } from '../../sinks/duckdb-file/storage.ts'
import parquet from '../../sinks/parquet.ts'
import { queryTable, readManifest } from '../support/parquet-files.ts'
import { ScriptedLog, tuple } from '../support/scripted-log.ts'
import { orderRow, orders } from './support/order-rows.ts'
import { chunksOf, orderStorages, orderValues } from './support/order-values.ts'
import { type BenchResult, median, note, pairedRatio } from './support/result.ts'

/**
 * Batches of the log into Parquet files, until the manifest lists all of them, against DuckDB's own way for Node: values
 * that are there already, chunk by chunk through the appender into a table in memory, and one COPY of that into a file of
 * the same compression. `--mode changes|rows`, `--rows N` rows a round, `--batch N` rows a batch.
 */

const ROUNDS = 3

export default async function parquetBench(args: readonly string[]): Promise<BenchResult> {
  const option = (name: string, byDefault: number): number =>
    args.includes(name) ? Number(args[args.indexOf(name) + 1]) : byDefault
  const rows = option('--rows', 200_000)
  const size = option('--batch', 5000)
  const mode = args.includes('--mode') ? args[args.indexOf('--mode') + 1]! : 'changes'
  const speeds = { ours: [] as number[], theirs: [] as number[] }
  const bytes = { ours: 0, theirs: 0 }
  for (let round = 0; round <= ROUNDS; round++) {
    const folder = await mkdtemp(join(tmpdir(), 'tailrace-bench-parquet-'))
    try {
      const ours = await openOurs(join(folder, 'ours'), mode)
      const theirs = await openTheirs(join(folder, 'theirs.parquet'))
      let [oursMs, theirsMs] = [0, 0]
      for (let from = 0; from < rows; from += size) {
        const cells = Array.from({ length: Math.min(size, rows - from) }, (_, i) => orderRow(from + i, 1))
        const batch = ours.batch(cells)
        const values = orderValues(cells)
        oursMs += await timed(() => ours.write(batch))
        theirsMs += await timed(() => theirs.write(values))
      }
      oursMs += await timed(() => ours.close())
      theirsMs += await timed(() => theirs.close())
      bytes.ours = await ours.check(rows)
      bytes.theirs = (await stat(join(folder, 'theirs.parquet'))).size
      note(`round ${round}: ours ${(rows / oursMs).toFixed(0)} k/s, driver ${(rows / theirsMs).toFixed(0)} k/s`)
      // The first round warms up.
      if (round === 0) continue
      speeds.ours.push(rows / oursMs)
      speeds.theirs.push(rows / theirsMs)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
  return {
    ratios: { [`the driver's COPY, mode ${mode}`]: pairedRatio(speeds.ours, speeds.theirs) },
    medians: {
      'ours, k/s': Math.round(median(speeds.ours)),
      'driver, k/s': Math.round(median(speeds.theirs)),
      'ours, bytes a row': Math.round(bytes.ours / rows),
      'driver, bytes a row': Math.round(bytes.theirs / rows),
    },
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const from = performance.now()
  await work()
  return performance.now() - from
}

async function openOurs(path: string, mode: string) {
  const context: SinkContext = {
    pipeline: 'bench',
    name: 'lake',
    logger: pino({ level: 'silent' }),
    sources: ['app'],
    onDelete: 'delete',
  }
  const target = await parquet.open(parquet.config.parse({ path, mode }), context)
  const signal = new AbortController().signal
  const log = new ScriptedLog('5c21')
  const sink = await target.sink({ name: 'app', logId: log.id }, signal)
  await sink.write(
    log.batch(writer => writer.announce(orders)),
    signal,
  )
  return {
    batch: (rows: (string | null)[][]): LogBatch =>
      log.batch(writer => {
        for (const cells of rows) writer.row('u', orders, tuple(cells))
      }),
    write: (batch: LogBatch) => sink.write(batch, signal),
    async close(): Promise<void> {
      await target[Symbol.asyncDispose]()
    },
    /** Answers the bytes of the files. Throws unless they hold so many rows. */
    async check(rows: number): Promise<number> {
      const [found] = await queryTable(path, orders.name, `SELECT count(*) AS rows FROM t WHERE status = 'shipped'`)
      if (Number(found?.rows) !== rows) throw new Error(`${path} holds ${found?.rows} rows instead of ${rows}`)
      const { files } = (await readManifest(path)).tables[orders.name]!
      return files.reduce((sum, file) => sum + file.bytes, 0)
    },
  }
}

async function openTheirs(path: string) {
  const api = await import('@duckdb/node-api')
  const instance = await api.DuckDBInstance.create(':memory:', { threads: '1', memory_limit: '1GB' })
  const connection = await instance.connect()
  const types = orderStorages.map(each => driverType(api, each))
  const columns = orders.columns.map((each, i) => `${each.name} ${sqlType(orderStorages[i]!)}`).join(', ')
  await connection.run(`CREATE TABLE orders (${columns})`)
  return {
    async write(values: DuckDBValue[][]): Promise<void> {
      const appender = await connection.createAppender('orders')
      for (const chunk of chunksOf(values, types)) appender.appendDataChunk(chunk)
      appender.closeSync()
    },
    async close(): Promise<void> {
      await connection.run(`COPY orders TO '${path}' (FORMAT parquet, COMPRESSION zstd)`)
      connection.closeSync()
      instance.closeSync()
    },
  }
}
