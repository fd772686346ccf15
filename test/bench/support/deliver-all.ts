import type { ReadOptions, Sink, SourceLog } from '../../../runtime/contract.ts'
import type { Delivery } from '../../../runtime/deliver/delivery.ts'
import { DeliveryProgress, deliver } from '../../../runtime/deliver.ts'
import { collect } from '../../../runtime/large-memory.ts'
import { deliveryFrom, workUntil } from '../../support/delivery.ts'

/**
 * Delivers all that the log holds into the sink, as the pipeline does for one that keeps rows; `over`: what is different.
 * Answers how long it took, in milliseconds.
 */
export async function deliverAll(
  log: SourceLog,
  sink: Sink,
  sinkName: string,
  limits: ReadOptions,
  over: Partial<Delivery> = {},
): Promise<number> {
  const drain = new AbortController()
  const progress = new DeliveryProgress()
  // What made the rows is no part of it.
  collect()
  const began = performance.now()
  const delivery = deliveryFrom(log, { sinkName, limits, ...over })
  const running = deliver(delivery, sink, progress, workUntil(drain.signal))
  running.catch(() => {})
  await Promise.race([progress.reached(log, log.end()!, drain.signal), running])
  const ms = performance.now() - began
  drain.abort()
  await running.catch(() => {})
  return ms
}
