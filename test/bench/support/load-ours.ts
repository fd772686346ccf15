/**
 * A first load of the benchmark's table into a fresh embedded log, as a user's first start does it:
 * `load-ours.ts URL PIPELINE LOG`. Prints rows and the milliseconds from the start of the load until all was durable.
 */
import postgres from '../../../connectors/postgres.ts'
import embedded from '../../../runtime/log/embedded.ts'
import { createLogger } from '../../../runtime/logger.ts'
import { BENCH_TABLE } from './workload.ts'

const [url, pipeline, folder] = process.argv.slice(2) as [string, string, string]
const context = { pipeline, name: 'app', logger: createLogger('error'), folder }
const signal = new AbortController().signal
const config = postgres.config.parse({ url, tables: [BENCH_TABLE] })
let figures = ''
{
  await using log = await embedded.open(embedded.config.parse({ path: folder }), context)
  await using source = await postgres.open(config, context)
  const requests = await source.start(undefined, signal)
  const cpu = process.cpuUsage()
  const began = performance.now()
  let rows = 0
  for (const request of requests) {
    for await (const chunk of source.load(request, signal)) {
      await log.append(chunk.rows, signal)
      rows = chunk.progress.rows
    }
  }
  const ms = performance.now() - began
  const { user, system } = process.cpuUsage(cpu)
  figures = JSON.stringify({ rows, ms, userMs: user / 1000, systemMs: system / 1000 })
}
await postgres.destroy(config, context, signal)
process.stdout.write(`${figures}\n`)
