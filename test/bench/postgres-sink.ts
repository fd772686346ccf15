/**
 * A log in memory into PostgreSQL as the pipeline does it (deliver, cursor included, every commit on disk), beside the
 * server's own ways over values that are there already, a transaction for as many rows: COPY into the same table with its
 * primary key while all rows are new, then `INSERT ... SELECT FROM unnest(...) ON CONFLICT DO UPDATE`, prepared, with
 * parameters of the columns' own types. `--rows N` (100000), `--batch N` rows a transaction (5000), `--rounds N` (3).
 */
import { finished } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import type { SinkContext, Table } from '../../runtime/contract.ts'
import { createLogger } from '../../runtime/logger.ts'
import { storageOf } from '../../sinks/postgres/storage.ts'
import postgres from '../../sinks/postgres.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { deliverAll } from './support/deliver-all.ts'
import { FedLog } from './support/fed-log.ts'
import { doseOf } from './support/options.ts'
import { orderRows, orders } from './support/order-rows.ts'
import { type BenchResult, median, note, pairedRatio } from './support/result.ts'

const BATCH_BYTES = 8 * 1024 * 1024
const { signal } = new AbortController()

type Rows = readonly (string | null)[][]

export default async function postgresSink(args: readonly string[]): Promise<BenchResult> {
  const { rows, size, rounds } = doseOf(args, { rows: 100_000, size: 5_000 })
  const figures = { ours: [[], []] as number[][], theirs: [[], []] as number[][] }
  await using server = await startPostgres({
    settings: { fsync: 'on', shared_buffers: '256MB', max_wal_size: '4GB', wal_level: 'replica', max_wal_senders: '0' },
  })
  await using ours = await openOurs(server, size)
  await using theirs = await openTheirs(server, size)
  // The first round warms up. Each has a table of its own.
  for (let round = 0; round <= rounds; round++) {
    const table: Table = { ...orders, id: round + 1, name: `app.public.orders${round}`, table: `orders${round}` }
    for (const pass of [0, 1]) {
      await server.sql('CHECKPOINT')
      const oursMs = await ours.take(table, orderRows(rows, pass))
      await server.sql('CHECKPOINT')
      const theirsMs = await theirs.take(table, [...orderRows(rows, pass)], pass)
      if (round === 0) continue
      figures.ours[pass]!.push(rows / oursMs)
      figures.theirs[pass]!.push(rows / theirsMs)
      note(
        `round ${round}, pass ${pass}: ours ${(rows / oursMs).toFixed(0)} k/s, the server's own ${(rows / theirsMs).toFixed(0)} k/s`,
      )
    }
    await expectRows(server, `public.${table.table}`, rows)
    await expectRows(server, `theirs.${table.table}`, rows)
  }
  const ratio = (pass: number): number | null => pairedRatio(figures.ours[pass]!, figures.theirs[pass]!)
  return {
    ratios: { 'COPY, new rows': ratio(0), 'unnest, updates of all rows': ratio(1) },
    medians: {
      'ours, new rows, k/s': Math.round(median(figures.ours[0]!)),
      'ours, updates, k/s': Math.round(median(figures.ours[1]!)),
      'COPY, new rows, k/s': Math.round(median(figures.theirs[0]!)),
      'unnest, updates, k/s': Math.round(median(figures.theirs[1]!)),
    },
  }
}

/** `take`: milliseconds from the rows in the log to the rows in the database. */
async function openOurs(server: PostgresServer, size: number) {
  const logger = createLogger('error')
  const context: SinkContext = { pipeline: 'bench', name: 'copy', logger, sources: ['app'], onDelete: 'delete' }
  const fed = new FedLog()
  const { log } = fed
  const target = await postgres.open(postgres.config.parse({ url: server.url() }), context)
  const sink = await target.sink({ name: 'app', logId: log.id }, signal)
  return {
    async take(table: Table, rows: Iterable<(string | null)[]>): Promise<number> {
      await fed.append(table, rows)
      return deliverAll(log, sink, 'copy', { maxRows: size, maxBytes: BATCH_BYTES })
    },
    async [Symbol.asyncDispose]() {
      await target[Symbol.asyncDispose]()
    },
  }
}

const TYPES = orders.columns.map(column => storageOf(column, { asText: false, chosen: undefined, isKey: false }))
const NAMES = orders.columns.map(({ name }) => name)

async function openTheirs(server: PostgresServer, size: number) {
  const client = new pg.Client({ connectionString: server.url() })
  await client.connect()
  await client.query('SET synchronous_commit = on; CREATE SCHEMA theirs')
  return {
    async take({ table }: Table, rows: Rows, pass: number): Promise<number> {
      const name = `theirs.${table}`
      if (pass === 0)
        await client.query(`CREATE TABLE ${name} (${NAMES.map((n, i) => `${n} ${TYPES[i]}`)}, PRIMARY KEY (id))`)
      const parts = Array.from({ length: Math.ceil(rows.length / size) }, (_, i) =>
        rows.slice(i * size, (i + 1) * size),
      )
      const work = pass === 0 ? parts.map(copyText) : parts.map(columnArrays)
      const began = performance.now()
      for (const part of work) {
        await client.query('BEGIN')
        if (typeof part === 'string') {
          const stream = client.query(copyFrom(`COPY ${name} FROM STDIN`))
          stream.end(part)
          await finished(stream)
        } else await client.query({ name: table, text: upsert(name), values: part })
        await client.query('COMMIT')
      }
      return performance.now() - began
    },
    [Symbol.asyncDispose]: () => client.end(),
  }
}

function copyText(rows: Rows): string {
  return rows.map(cells => `${cells.map(cell => cell ?? '\\N').join('\t')}\n`).join('')
}

/** Each column as the text of an array, as a driver is given it. */
function columnArrays(rows: Rows): string[] {
  return NAMES.map((_, i) => {
    const elements = rows.map(cells => (cells[i] === null ? 'NULL' : `"${cells[i]!.replace(/["\\]/g, '\\$&')}"`))
    return `{${elements.join(',')}}`
  })
}

function upsert(name: string): string {
  const updates = NAMES.slice(1).map(n => `${n} = excluded.${n}`)
  const arrays = TYPES.map((type, i) => `$${i + 1}::${type.replace(/\(.*\)/, '')}[]`)
  return `INSERT INTO ${name} (${NAMES}) SELECT * FROM unnest(${arrays}) ON CONFLICT (id) DO UPDATE SET ${updates}`
}

async function expectRows(server: PostgresServer, name: string, rows: number): Promise<void> {
  const [found] = await server.sql(`SELECT count(*) AS n FROM ${name} WHERE status = 'shipped'`)
  if (Number(found!.n) !== rows) throw new Error(`${name} holds ${found!.n} rows instead of ${rows}`)
}
