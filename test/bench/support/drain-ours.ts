/**
 * Drains a slot into a fresh embedded log, fsync on, as ingest does:
 * `drain-ours.ts URL SLOT PUBLICATION END_LSN LOG plain|indexed [REDIS_URL]`. Prints changes, milliseconds until
 * everything was durable (and the index and Redis, which follows live, had all of it), CPU and memory as JSON.
 */
import { parseLsn } from '../../../connectors/postgres/position.ts'
import type { Position, SourceLog } from '../../../runtime/contract.ts'
import { realFs } from '../../../runtime/log/embedded/fs.ts'
import { openLog } from '../../../runtime/log/embedded/open.ts'
import embedded from '../../../runtime/log/embedded.ts'
import { createLogger } from '../../../runtime/logger.ts'
import { keyFromTexts } from '../../../runtime/record/key.ts'
import { sinkInto } from './sink-into.ts'
import { openSlot, sampleMemory } from './slot-stream.ts'
import { BENCH_TABLE } from './workload.ts'

const [url, slot, publication, end, folder, form, redisUrl] = process.argv.slice(2) as string[] as Arguments
type Arguments = [string, string, string, string, string, 'plain' | 'indexed', string?]

const logger = createLogger('warn')
const { signal } = new AbortController()
const { stream, table, sql } = await openSlot(url, slot, publication, BENCH_TABLE)
await using _ = sql
await using log = await (form === 'indexed'
  ? embedded.open(embedded.config.parse({ path: folder }), { pipeline: 'bench', name: 'app', logger, folder })
  : openPlain())

const last = parseLsn(end as Position)
const began = performance.now()
const cpu = process.cpuUsage()
const memory = sampleMemory()
let changes = 0
const sunk = redisUrl === undefined ? undefined : await sinkInto(log, redisUrl)
for await (const batch of stream.batches(signal)) {
  changes += batch.count
  const appended = await log.append(batch, signal)
  if (appended?.position === undefined) continue
  stream.ack(parseLsn(appended.position))
  if (parseLsn(appended.position) >= last) break
}
// A look-up comes after everything that is durable.
await log.newest?.(table, keyFromTexts(['0']))
await sunk?.caughtUp()
const ms = performance.now() - began
await sunk?.end()
const { user, system } = process.cpuUsage(cpu)
const figures = { changes, ms, userMs: user / 1000, systemMs: system / 1000, rssAnonMiB: memory.end() }
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
