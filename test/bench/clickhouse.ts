/**
 * A log in memory into ClickHouse's engine as the pipeline does it (deliver, versions, cursor included, everything on
 * disk), beside the engine's own inserts of the same rows into a table like it, read from there beforehand as the server
 * packs them (RowBinary), a batch each. First all rows are new, then all are updated. `--rows N` (200000), `--batch N` rows
 * (10000), `--rounds N` (3).
 */
import type { Table } from '../../runtime/contract.ts'
import { createLogger } from '../../runtime/logger.ts'
import clickhouse from '../../sinks/clickhouse.ts'
import { type ClickhouseServer, startClickhouse } from '../support/clickhouse/clickhouse-server.ts'
import { deliverAll } from './support/deliver-all.ts'
import { FedLog } from './support/fed-log.ts'
import { doseOf } from './support/options.ts'
import { orderRows, orders } from './support/order-rows.ts'
import { type BenchResult, median, note, pairedRatio } from './support/result.ts'

const BATCH_BYTES = 8 * 1024 * 1024
const { signal } = new AbortController()

type Rows = Iterable<(string | null)[]>

export default async function bench(args: readonly string[]): Promise<BenchResult> {
  const { rows, size, rounds } = doseOf(args, { rows: 200_000, size: 10_000 })
  const figures = { ours: [[], []] as number[][], theirs: [[], []] as number[][] }
  await using server = await startClickhouse()
  await server.ask('CREATE DATABASE desk')
  await using ours = await openOurs(server, size)
  // The first one warms up. Each has a table of its own, which is made before the time counts.
  for (let round = 0; round <= rounds; round++) {
    const id = round + 1
    const table: Table = { ...orders, id, name: `app.public.orders${id}`, table: `orders${id}` }
    await ours.take(table, orderRows(1, 0))
    for (const pass of [0, 1]) {
      const oursMs = await ours.take(table, orderRows(rows, pass))
      const theirsMs = await inserts(server, `public.${table.table}`, `desk.theirs${id}`, pass, rows, size)
      if (round < 1) continue
      figures.ours[pass]!.push(rows / oursMs)
      figures.theirs[pass]!.push(rows / theirsMs)
      note(
        `round ${round}, pass ${pass}: ours ${(rows / oursMs).toFixed(1)} k/s, inserts ${(rows / theirsMs).toFixed(1)} k/s`,
      )
    }
  }
  const ratio = (pass: number): number | null => pairedRatio(figures.ours[pass]!, figures.theirs[pass]!)
  return {
    ratios: { 'inserts, new rows': ratio(0), 'inserts, updates of all rows': ratio(1) },
    medians: {
      'ours, new rows, rows/s': Math.round(1000 * median(figures.ours[0]!)),
      'ours, updates, rows/s': Math.round(1000 * median(figures.ours[1]!)),
      'inserts, new rows, rows/s': Math.round(1000 * median(figures.theirs[0]!)),
      'inserts, updates, rows/s': Math.round(1000 * median(figures.theirs[1]!)),
    },
  }
}

/** `take`: milliseconds from the rows in the log to the rows in the table. */
async function openOurs(server: ClickhouseServer, size: number) {
  const logger = createLogger('error')
  const context = { pipeline: 'bench', name: 'copy', logger, sources: ['app'], onDelete: 'delete' } as const
  const fed = new FedLog()
  const { log } = fed
  const target = await clickhouse.open(clickhouse.config.parse({ url: `${server.url}/desk` }), context)
  const sink = await target.sink({ name: 'app', logId: log.id }, signal)
  return {
    async take(table: Table, rows: Rows): Promise<number> {
      await fed.append(table, rows)
      return deliverAll(log, sink, 'copy', { maxRows: size, maxBytes: BATCH_BYTES })
    },
    async [Symbol.asyncDispose]() {
      await target[Symbol.asyncDispose]()
    },
  }
}

/** Milliseconds for the rows of `from`, as they are now, into a table like it; the first pass makes it. */
async function inserts(
  server: ClickhouseServer,
  from: string,
  into: string,
  pass: number,
  rows: number,
  size: number,
): Promise<number> {
  if (pass === 0) await server.ask(`CREATE TABLE ${into} AS ${from}`)
  const bodies: Uint8Array<ArrayBuffer>[] = []
  for (let first = 0; first < rows; first += size) {
    const page = `SELECT * FROM ${from} FINAL ORDER BY id LIMIT ${size} OFFSET ${first} FORMAT RowBinary`
    const response = await fetch(server.url, { method: 'POST', body: page })
    bodies.push(new Uint8Array(await response.arrayBuffer()))
  }
  const query = `INSERT INTO ${into} SETTINGS async_insert = 0 FORMAT RowBinary`
  const began = performance.now()
  for (const body of bodies) {
    const response = await fetch(`${server.url}/?query=${encodeURIComponent(query)}`, { method: 'POST', body })
    if (!response.ok) throw new Error(await response.text())
  }
  return performance.now() - began
}
