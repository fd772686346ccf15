import type { ReadOptions, Sink, SourceLog } from '../../../runtime/contract.ts'
import { DeliveryProgress, deliver } from '../../../runtime/deliver.ts'

/** Delivers all that the log holds into the sink, as the pipeline does. Answers how long it took, in milliseconds. */
export async function deliverAll(log: SourceLog, sink: Sink, sinkName: string, limits: ReadOptions): Promise<number> {
  const { signal } = new AbortController()
  const drain = new AbortController()
  const progress = new DeliveryProgress()
  const delivery = { sinkName, log, filter: () => true, limits, reads: 'state', coalesce: true, deletes: true } as const
  const began = performance.now()
  const running = deliver(delivery, sink, progress, { signal, drain: drain.signal, running: () => {} })
  running.catch(() => {})
  await Promise.race([progress.reached(log, log.end()!, signal), running])
  const ms = performance.now() - began
  drain.abort()
  await running.catch(() => {})
  return ms
}
