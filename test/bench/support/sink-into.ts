import type { SourceLog } from '../../../runtime/contract.ts'
import { DeliveryProgress, deliver } from '../../../runtime/deliver.ts'
import { createLogger } from '../../../runtime/logger.ts'
import redis from '../../../sinks/redis.ts'
import { deliveryFrom, workUntil } from '../../support/delivery.ts'

/** As every sink has it by default. */
const BATCH = { maxRows: 5000, maxBytes: 8 * 1024 * 1024 }

export const BENCH_SINK = {
  pipeline: 'bench',
  name: 'cache',
  logger: createLogger('error'),
  sources: ['app'],
  onDelete: 'delete',
} as const

/** Delivers what the log holds and gets into Redis, as the pipeline does, until `end`. */
export async function sinkInto(log: SourceLog, url: string) {
  const drain = new AbortController()
  const { signal } = new AbortController()
  const target = await redis.open(redis.config.parse({ url }), BENCH_SINK)
  const sink = await target.sink({ name: 'app', logId: log.id }, signal)
  const progress = new DeliveryProgress()
  const delivery = deliveryFrom(log, { sinkName: 'cache', limits: BATCH })
  const running = deliver(delivery, sink, progress, workUntil(drain.signal))
  running.catch(() => {})
  return {
    /** Rejects if the delivery ends instead. */
    async caughtUp(): Promise<void> {
      await Promise.race([progress.reached(log, log.end()!, signal), running])
    },
    async end(): Promise<void> {
      drain.abort()
      await running.catch(() => {})
      await target[Symbol.asyncDispose]()
    },
  }
}
