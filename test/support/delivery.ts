import assert from 'node:assert/strict'
import type { Sink, SourceLog } from '../../runtime/contract.ts'
import type { Delivery } from '../../runtime/deliver/delivery.ts'
import { DeliveryProgress, deliver } from '../../runtime/deliver.ts'
import { TailraceError } from '../../runtime/errors.ts'
import type { Work } from '../../runtime/supervisor.ts'

const TIMEOUT_MS = 5000

/** Into a sink that keeps the rows, without a quarantine. `over`: what is different. */
export function deliveryFrom(log: SourceLog, over: Partial<Delivery> = {}): Delivery {
  return {
    ...{ sinkName: 'k', log, filter: () => true, limits: {}, reads: 'state', coalesce: true, deletes: true },
    isLoading: () => false,
    ...over,
  }
}

/** Of a delivery that nobody supervises. */
export function workUntil(drain: AbortSignal): Work {
  return { signal: new AbortController().signal, drain, running: () => {} }
}

/** Delivers until `enough`, or else until the sink has all of the log, and stops; throws what ended it before. */
export async function delivered(
  delivery: Delivery,
  sink: Sink,
  enough = (progress: DeliveryProgress, signal: AbortSignal) =>
    progress.reached(delivery.log, delivery.log.end()!, signal),
): Promise<DeliveryProgress> {
  const progress = new DeliveryProgress()
  const drain = new AbortController()
  const done = deliver(delivery, sink, progress, workUntil(drain.signal))
  const stopped = assert.rejects(done, { code: 'STOPPED' })
  stopped.catch(() => {})
  try {
    await Promise.race([enough(progress, AbortSignal.timeout(TIMEOUT_MS)), done])
  } finally {
    drain.abort(new TailraceError('STOPPED', 'stop', 'done'))
  }
  await stopped
  return progress
}
