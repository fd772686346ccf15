import type { LogBatch, Sink, SinkContext, SinkRow, Table, Target } from '../../../runtime/contract.ts'
import { createLogger } from '../../../runtime/logger.ts'

export const context: SinkContext = {
  pipeline: 'types',
  name: 'copy',
  logger: createLogger('silent'),
  sources: ['app'],
  onDelete: 'delete',
}

export interface Filled {
  /** Rows as the sink itself reads them back, by their first column. */
  readonly back: ReadonlyMap<string, SinkRow['cells']>
}

const never = new AbortController().signal

/** Writes a batch as deliver does: what is refused is left out of it. */
export async function writeAccepted(sink: Sink, batch: LogBatch): Promise<void> {
  const skip = new Set<number>()
  for (;;) {
    const { rejected } = await sink.write(batch, never, skip)
    if (rejected.length === 0) return
    for (const { index } of rejected) skip.add(index)
  }
}

/** Writes all batches. Closes the target. */
export async function fill(
  target: Target,
  { id, batches }: { id: string; batches: readonly LogBatch[] },
): Promise<Filled> {
  await using open = target
  const sink = await open.sink({ name: 'app', logId: id }, never)
  let written: Table | undefined
  for (const batch of batches) {
    for (const { table } of batch) written = table
    await writeAccepted(sink, batch)
  }
  await sink.flush?.(never)
  const back = new Map<string, SinkRow['cells']>()
  for await (const page of sink.rows!(written!, never))
    for (const { cells } of page) back.set(cells.get(written!.columns[0]!.name)!, cells)
  return { back }
}
