/**
 * A first load of the benchmark's table into a fresh embedded log, as a user's first start does it:
 * `load-mysql.ts URL LOG`. Prints rows and the milliseconds from the start of the load until all was durable.
 */
import mysql from '../../../connectors/mysql.ts'
import embedded from '../../../runtime/log/embedded.ts'
import { createLogger } from '../../../runtime/logger.ts'
import { BENCH_DATABASE, BENCH_ORDERS } from './mysql-workload.ts'

const [url, folder] = process.argv.slice(2) as [string, string]
const context = { pipeline: 'bench', name: 'app', logger: createLogger('error'), folder }
const signal = new AbortController().signal
const config = mysql.config.parse({ url, tables: [`${BENCH_DATABASE}.${BENCH_ORDERS}`] })
await using log = await embedded.open(embedded.config.parse({ path: folder }), context)
await using source = await mysql.open(config, context)
const requests = await source.start(undefined, signal)
const cpu = process.cpuUsage()
const began = performance.now()
let rows = 0
for (const request of requests)
  for await (const chunk of source.load(request, signal)) {
    await log.append(chunk.rows, signal)
    rows = chunk.progress.rows
  }
const ms = performance.now() - began
const { user, system } = process.cpuUsage(cpu)
process.stdout.write(`${JSON.stringify({ rows, ms, userMs: user / 1000, systemMs: system / 1000 })}\n`)
