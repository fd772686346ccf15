/**
 * Drains a slot into a fresh embedded log, fsync on, as ingest does:
 * `drain-ours.ts URL SLOT PUBLICATION END_LSN LOG plain|indexed [REDIS_URL]`. Prints changes, milliseconds until
 * everything was durable (and the index and Redis, which follows live, had all of it), CPU and memory as JSON.
 */
import { readFileSync } from 'node:fs'
import { captureTables } from '../../../connectors/postgres/catalog.ts'
import { postgresConfig } from '../../../connectors/postgres/config.ts'
import { parseLsn } from '../../../connectors/postgres/position.ts'
import { Resolver } from '../../../connectors/postgres/resolver.ts'
import { SqlConnection } from '../../../connectors/postgres/sql.ts'
import { ChangeStream } from '../../../connectors/postgres/stream.ts'
import { tableFromRelation } from '../../../connectors/postgres/versions.ts'
import { askServer } from '../../../connectors/postgres/walsender.ts'
import type { Position, SourceLog } from '../../../runtime/contract.ts'
import { realFs } from '../../../runtime/log/embedded/fs.ts'
import { openLog } from '../../../runtime/log/embedded/open.ts'
import embedded from '../../../runtime/log/embedded.ts'
import { createLogger } from '../../../runtime/logger.ts'
import { keyFromTexts } from '../../../runtime/record/key.ts'
import { sinkInto } from './sink-into.ts'
import { BENCH_TABLE } from './workload.ts'

const [url, slot, publication, end, folder, form, redisUrl] = process.argv.slice(2) as string[] as Arguments
type Arguments = [string, string, string, string, string, 'plain' | 'indexed', string?]

const logger = createLogger('warn')
const config = postgresConfig.parse({ url, tables: [BENCH_TABLE] })
const signal = new AbortController().signal
await using sql = new SqlConnection(config, 'bench')
const captured = await sql.use(client => captureTables(client, 'app', config, []), signal)
const context = { pipeline: 'bench', name: 'app', logger, folder }
await using log = await (form === 'indexed'
  ? embedded.open(embedded.config.parse({ path: folder }), context)
  : openPlain())
const resolver = new Resolver(captured, [], (relation, current, versions) =>
  sql.use(client => tableFromRelation(client, 'app', config, relation, current, versions), signal),
)
const stream = new ChangeStream({
  config,
  name: 'bench',
  logger,
  slot,
  publications: [publication],
  from: 0n,
  tables: [],
  announce: captured.map(({ table }) => table),
  identity: {},
  resolve: resolver.resolve,
  ask: pid => sql.use(client => askServer(client, pid), signal),
  silenceMs: 30_000,
})

const last = parseLsn(end as Position)
const began = performance.now()
const cpu = process.cpuUsage()
let changes = 0
let peakAnon = 0
const sampler = setInterval(() => {
  peakAnon = Math.max(peakAnon, rssAnon())
}, 100)
const sunk = redisUrl === undefined ? undefined : await sinkInto(log, redisUrl)
for await (const batch of stream.batches(signal)) {
  changes += batch.count
  const appended = await log.append(batch, signal)
  if (appended?.position === undefined) continue
  stream.ack(parseLsn(appended.position))
  if (parseLsn(appended.position) >= last) break
}
// A look-up comes after everything that is durable.
await log.newest?.(captured[0]!.table, keyFromTexts(['0']))
await sunk?.caughtUp()
const ms = performance.now() - began
clearInterval(sampler)
await sunk?.end()
const { user, system } = process.cpuUsage(cpu)
const figures = { changes, ms, userMs: user / 1000, systemMs: system / 1000, rssAnonMiB: Math.max(peakAnon, rssAnon()) }
process.stdout.write(`${JSON.stringify(figures)}\n`)

async function openPlain(): Promise<SourceLog> {
  await realFs.makeFolder(folder)
  const limits = {
    segmentBytes: 2 ** 28,
    maxBytes: Number.POSITIVE_INFINITY,
    ringBytes: 2 ** 24,
    checkpointBytes: 2 ** 26,
  }
  return openLog(realFs, folder, limits, logger)
}

/** Anonymous resident memory, MiB. */
function rssAnon(): number {
  const line = /RssAnon:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))
  return Math.round(Number(line?.[1] ?? 0) / 1024)
}
