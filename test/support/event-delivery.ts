import type { Sink, SourceLog } from '../../runtime/contract.ts'
import type { Delivery } from '../../runtime/deliver/delivery.ts'
import { DeliveryProgress, deliver } from '../../runtime/deliver.ts'
import { Supervisor } from '../../runtime/supervisor.ts'
import { deliveryFrom } from './delivery.ts'
import { sinkContext } from './sink-rig.ts'

const TIMEOUT_MS = 60_000
let sinks = 0

/**
 * Every change of the log into a sink of events that is new to it, as the pipeline does it: the sink is opened anew at every
 * attempt, until all is taken.
 */
export async function deliverEvents(
  log: SourceLog,
  openSink: () => Promise<Sink>,
  limits: Delivery['limits'] = {},
): Promise<void> {
  const progress = new DeliveryProgress()
  const delivery = deliveryFrom(log, { sinkName: `events${++sinks}`, reads: 'history', coalesce: false, limits })
  const supervisor = new Supervisor('sink events', sinkContext().logger, async work => {
    await using sink = await openSink()
    await deliver(delivery, sink, progress, work)
  })
  supervisor.start(false)
  try {
    await progress.reached(log, log.end()!, AbortSignal.timeout(TIMEOUT_MS))
  } finally {
    await supervisor.stop()
  }
}
