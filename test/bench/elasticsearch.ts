/**
 * A log in memory into OpenSearch as the pipeline does it (deliver, versions, cursor included, everything on disk), beside
 * the engine's own `_bulk` of the same documents with the same ids, mapping and settings, made beforehand, two requests of
 * 2 MB at once. First all rows are new, then all are updated. `--rows N` (50000), `--batch N` rows
 * (5000), `--rounds N` (3), `--compress`.
 */
import { parseArgs } from 'node:util'
import type { Table } from '../../runtime/contract.ts'
import { createLogger } from '../../runtime/logger.ts'
import elasticsearch from '../../sinks/elasticsearch.ts'
import { openSearch } from '../support/search/engines.ts'
import { type SearchServer, startSearch } from '../support/search/search-server.ts'
import { deliverAll } from './support/deliver-all.ts'
import { FedLog } from './support/fed-log.ts'
import { orderRow, orderRows, orders } from './support/order-rows.ts'
import { type BenchResult, median, note, pairedRatio } from './support/result.ts'

const BATCH_BYTES = 8 * 1024 * 1024
const REQUEST_BYTES = 2 * 1024 * 1024
const IN_FLIGHT = 2
/** Rounds until the engine is compiled. */
const WARM_UP = 3
const SETTINGS = { number_of_replicas: 0 }
const { signal } = new AbortController()

type Rows = Iterable<(string | null)[]>

export default async function search(args: readonly string[]): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: 'string', default: '50000' },
      batch: { type: 'string', default: '5000' },
      rounds: { type: 'string', default: '3' },
      compress: { type: 'boolean', default: false },
    },
  })
  const [rows, size, rounds] = [Number(values.rows), Number(values.batch), Number(values.rounds)]
  const figures = { ours: [[], []] as number[][], theirs: [[], []] as number[][] }
  await using server = await startSearch(await openSearch(), { jvm: '' })
  await using ours = await openOurs(server, size, values.compress)
  // The first ones warm up. Each has a table of its own, whose index is made before the time counts.
  for (let round = 1 - WARM_UP; round <= rounds; round++) {
    const id = round + WARM_UP
    const table: Table = { ...orders, id, name: `app.public.orders${id}`, table: `orders${id}` }
    await ours.take(table, orderRows(1, 0))
    for (const pass of [0, 1]) {
      const oursMs = await ours.take(table, orderRows(rows, pass))
      const theirsMs = await bulk(server, `bench-public-${table.table}`, `theirs${id}`, pass, rows)
      if (round < 1) continue
      figures.ours[pass]!.push(rows / oursMs)
      figures.theirs[pass]!.push(rows / theirsMs)
      note(
        `round ${round}, pass ${pass}: ours ${(rows / oursMs).toFixed(1)} k/s, _bulk ${(rows / theirsMs).toFixed(1)} k/s`,
      )
    }
  }
  const ratio = (pass: number): number | null => pairedRatio(figures.ours[pass]!, figures.theirs[pass]!)
  return {
    ratios: { '_bulk, new rows': ratio(0), '_bulk, updates of all rows': ratio(1) },
    medians: {
      'ours, new rows, rows/s': Math.round(1000 * median(figures.ours[0]!)),
      'ours, updates, rows/s': Math.round(1000 * median(figures.ours[1]!)),
      '_bulk, new rows, rows/s': Math.round(1000 * median(figures.theirs[0]!)),
      '_bulk, updates, rows/s': Math.round(1000 * median(figures.theirs[1]!)),
    },
  }
}

/** `take`: milliseconds from the rows in the log to the rows in the index. */
async function openOurs(server: SearchServer, size: number, compress: boolean) {
  const logger = createLogger('error')
  const context = { pipeline: 'bench', name: 'copy', logger, sources: ['app'], onDelete: 'delete' } as const
  const fed = new FedLog()
  const { log } = fed
  const config = elasticsearch.config.parse({ url: server.url, settings: SETTINGS, compress })
  const target = await elasticsearch.open(config, context)
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

/** Milliseconds for the documents of `from`, as they are now, into an index like it; the first pass makes it. */
async function bulk(server: SearchServer, from: string, into: string, pass: number, rows: number): Promise<number> {
  if (pass === 0) {
    const found = Object.values(
      (await server.ask('GET', `/${from}/_mapping`)) as Record<string, { readonly mappings: object }>,
    )
    const settings = { index: { ...SETTINGS, translog: { durability: 'request' } } }
    await server.ask('PUT', `/${into}`, { settings, mappings: found[0]!.mappings })
  }
  const requests = await requestsOf(server, from, pass, rows)
  const began = performance.now()
  const queue = requests.values()
  const send = async (): Promise<void> => {
    for (const body of queue) {
      const response = await fetch(`${server.url}/${into}/_bulk?filter_path=items.*.status`, {
        method: 'POST',
        headers: { 'content-type': 'application/x-ndjson' },
        body,
      })
      const { items } = (await response.json()) as { readonly items: readonly Record<string, { status: number }>[] }
      if (items.some(item => Object.values(item)[0]!.status >= 300)) throw new Error('an item was refused')
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, send))
  return performance.now() - began
}

async function requestsOf(
  server: SearchServer,
  from: string,
  pass: number,
  rows: number,
): Promise<Uint8Array<ArrayBuffer>[]> {
  const requests: Uint8Array<ArrayBuffer>[] = []
  let lines: string[] = []
  let bytes = 0
  const end = (): void => {
    if (lines.length > 0) requests.push(new Uint8Array(Buffer.from(lines.join(''))))
    lines = []
    bytes = 0
  }
  for (let first = 0; first < rows; first += 1000) {
    const ids = Array.from({ length: Math.min(1000, rows - first) }, (_, i) => orderRow(first + i, pass)[0])
    const { docs } = (await server.ask('POST', `/${from}/_mget`, { ids })) as {
      readonly docs: readonly { readonly _id: string; readonly _source: object }[]
    }
    for (const { _id, _source } of docs) {
      const line = `${JSON.stringify({ index: { _id } })}\n${JSON.stringify(_source)}\n`
      lines.push(line)
      bytes += line.length
      if (bytes >= REQUEST_BYTES) end()
    }
  }
  end()
  return requests
}
