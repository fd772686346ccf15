/**
 * Drains a binary log from `FILE` on into a fresh embedded log without its index, fsync on, as ingest does:
 * `drain-mysql.ts URL FILE GTIDS LAST LOG`. Prints changes, milliseconds until all of it was durable, CPU and memory as
 * JSON.
 */
import { mysqlConfig } from '../../../connectors/mysql/config.ts'
import { connectMysql } from '../../../connectors/mysql/connection.ts'
import { formatPosition } from '../../../connectors/mysql/position.ts'
import { serverFacts } from '../../../connectors/mysql/server-facts.ts'
import { MysqlSource } from '../../../connectors/mysql/source.ts'
import { identityOf } from '../../../connectors/mysql/start.ts'
import { realFs } from '../../../runtime/log/embedded/fs.ts'
import { openLog } from '../../../runtime/log/embedded/open.ts'
import { createLogger } from '../../../runtime/logger.ts'
import { BENCH_DATABASE, BENCH_ORDERS } from './mysql-workload.ts'
import { sampleMemory } from './slot-stream.ts'

const [url, file, gtids, , folder] = process.argv.slice(2) as [string, string, string, string, string]
const { signal } = new AbortController()
const logger = createLogger('warn')
const config = mysqlConfig.parse({ url, tables: [`${BENCH_DATABASE}.${BENCH_ORDERS}`] })
const client = await connectMysql(config, 'bench', signal)
const facts = await serverFacts(client)
client.destroy()
const stream = formatPosition({
  flavor: facts.flavor,
  server: facts.serverId,
  file,
  offset: 4n,
  gtids,
  prepared: [],
})
await realFs.makeFolder(folder)
const limits = {
  segmentBytes: 2 ** 28,
  maxBytes: Number.POSITIVE_INFINITY,
  ringBytes: 2 ** 24,
  checkpointBytes: 2 ** 26,
}
await using log = await openLog(realFs, folder, limits, logger)
await using source = new MysqlSource(config, { pipeline: 'bench', name: 'app', logger, folder })
const lane = `app.${BENCH_DATABASE}.${BENCH_ORDERS}`
const loads = new Map([[lane, { done: true, rows: 0, totalRows: 0, state: '' }]])
await source.start({ stream, loads, tables: [], identity: identityOf(facts), lineageFrom: 0n }, signal)
const { position: last } = await source.head(signal)
const began = performance.now()
const cpu = process.cpuUsage()
const memory = sampleMemory()
let changes = 0
for await (const batch of source.changes(signal)) {
  changes += batch.count
  const appended = await log.append(batch, signal)
  if (appended?.position === undefined) continue
  source.ack(appended.position)
  if (source.covers(appended.position, last)) break
}
const ms = performance.now() - began
const { user, system } = process.cpuUsage(cpu)
const figures = { changes, ms, userMs: user / 1000, systemMs: system / 1000, rssAnonMiB: memory.end() }
process.stdout.write(`${JSON.stringify(figures)}\n`)
