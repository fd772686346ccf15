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
 * that are there already, chunk by chunk through the appender into a table, and one COPY of that into a file of the same
 * compression. The table is in memory, where a crash loses all of it, or, as ours, in a file with a commit a batch. `--mode changes|rows`, `--rows N` rows a round, `--batch N` rows a batch.
 */

const ROUNDS = 3

export default async function parquetBench(args: readonly string[]): Promise<BenchResult> {
  const option = (name: string, byDefault: number): number =>
    args.includes(name) ? Number(args[args.indexOf(name) + 1]) : byDefault
  const rows = option('--rows', 200_000)
  const size = option('--batch', 5000)
  const mode = args.includes('--mode') ? args[args.indexOf('--mode') + 1]! : 'changes'
  const speeds = { ours: [] as number[], memory: [] as number[], file: [] as number[] }
  const bytes = { ours: 0, theirs: 0 }
  for (let round = 0; round <= ROUNDS; round++) {
    const folder = await mkdtemp(join(tmpdir(), 'tailrace-bench-parquet-'))
    try {
      const ours = await openOurs(join(folder, 'ours'), mode)
      const memory = await openTheirs(':memory:', join(folder, 'memory.parquet'))
      const file = await openTheirs(join(folder, 'theirs.duckdb'), join(folder, 'file.parquet'))
      let [oursMs, memoryMs, fileMs] = [0, 0, 0]
      for (let from = 0; from < rows; from += size) {
        const cells = Array.from({ length: Math.min(size, rows - from) }, (_, i) => orderRow(from + i, 1))
        const batch = ours.batch(cells)
        const values = orderValues(cells)
        oursMs += await timed(() => ours.write(batch))
        memoryMs += await timed(() => memory.write(values))
        fileMs += await timed(() => file.write(values))
      }
      oursMs += await timed(() => ours.close())
      memoryMs += await timed(() => memory.close())
      fileMs += await timed(() => file.close())
      bytes.ours = await ours.check(rows)
      bytes.theirs = (await stat(join(folder, 'memory.parquet'))).size
      const [speed, inMemory, inFile] = [rows / oursMs, rows / memoryMs, rows / fileMs]
      note(`round ${round}, k/s: ours ${speed.toFixed(0)}, memory ${inMemory.toFixed(0)}, file ${inFile.toFixed(0)}`)
      // The first round warms up.
      if (round === 0) continue
      speeds.ours.push(speed)
      speeds.memory.push(inMemory)
      speeds.file.push(inFile)
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
  return {
    ratios: {
      [`COPY of a table in memory, mode ${mode}`]: pairedRatio(speeds.ours, speeds.memory),
      [`COPY of a table in a file, mode ${mode}`]: pairedRatio(speeds.ours, speeds.file),
    },
    medians: {
      'ours, k/s': Math.round(median(speeds.ours)),
      'in memory, k/s': Math.round(median(speeds.memory)),
      'in a file, k/s': Math.round(median(speeds.file)),
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

async function openTheirs(database: string, path: string) {
  const api = await import('@duckdb/node-api')
  const instance = await api.DuckDBInstance.create(database, { threads: '1', memory_limit: '1GB' })
  const connection = await instance.connect()
  const types = orderStorages.map(each => driverType(api, each))
  const columns = orders.columns.map((each, i) => `${each.name} ${sqlType(orderStorages[i]!)}`).join(', ')
  await connection.run(`CREATE TABLE orders (${columns})`)
  return {
    async write(values: DuckDBValue[][]): Promise<void> {
      await connection.run('BEGIN')
      const appender = await connection.createAppender('orders')
      for (const chunk of chunksOf(values, types)) appender.appendDataChunk(chunk)
      appender.closeSync()
      await connection.run('COMMIT')
    },
    async close(): Promise<void> {
      await connection.run(`COPY orders TO '${path}' (FORMAT parquet, COMPRESSION zstd)`)
      connection.closeSync()
      instance.closeSync()
    },
  }
}
