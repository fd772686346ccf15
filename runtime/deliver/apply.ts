import type { LogBatch, Sink, Table } from '../contract.ts'
import { isTailraceError, TailraceError } from '../errors.ts'
import type { Delivery } from './delivery.ts'
import { superseded } from './superseded.ts'

/** Writes a batch; a truncate that it consists of by the sink's own way. Throws what the target throws. */
export async function apply(
  delivery: Delivery,
  sink: Sink,
  batch: LogBatch,
  skip: ReadonlySet<number> | undefined,
  signal: AbortSignal,
): Promise<void> {
  const truncated = delivery.reads === 'state' ? truncatedTable(batch) : undefined
  if (truncated !== undefined) {
    if (sink.truncate === undefined)
      throw new TailraceError(
        'SINK_CANNOT_TRUNCATE',
        'stop',
        `${truncated.name} was truncated; the sink cannot follow.`,
        {
          hint: 'Build the sink anew: tailrace remove --sink, then run.',
        },
      )
    await sink.flush?.(signal)
    await sink.truncate(truncated, signal)
  }
  try {
    await write(delivery, sink, batch, truncated === undefined ? skip : new Set([0]), signal)
  } catch (error) {
    if (!isTailraceError(error) || error.code !== 'SINK_BATCH_TOO_LARGE' || batch.count < 2) throw error
    for (const part of batch.split(Math.ceil(batch.count / 2)))
      await apply(delivery, sink, part, superseded(delivery, part), signal)
  }
}

/** Rows that the target refuses are set aside, and the rest is written. */
async function write(
  { rejects }: Delivery,
  sink: Sink,
  batch: LogBatch,
  skip: ReadonlySet<number> | undefined,
  signal: AbortSignal,
): Promise<void> {
  let left = skip
  for (;;) {
    const { rejected } = await sink.write(batch, signal, left)
    if (rejected.length === 0) break
    if (rejects === undefined) throw rejection(batch, rejected[0]!.reason, rejected.length)
    await rejects.quarantine.put(rejects.source, batch, rejected, rejects.limits)
    left = new Set([...(left ?? []), ...rejected.map(({ index }) => index)])
  }
  await rejects?.quarantine.applied(rejects.source, batch, left, rejects.limits)
}

/** A truncate comes alone in its batch. */
function truncatedTable(batch: LogBatch): Table | undefined {
  if (batch.count !== 1) return undefined
  for (const change of batch) return change.kind === 't' ? change.table : undefined
  return undefined
}

function rejection(batch: LogBatch, reason: string, count: number): TailraceError {
  return new TailraceError(
    'SINK_REJECTED',
    'stop',
    `The target refused ${count} of ${batch.count} changes: ${reason}`,
    {
      hint: 'Nothing was skipped. Mend the cause (schema, limits) and resume the sink; it goes on at this batch.',
    },
  )
}
