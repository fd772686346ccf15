import type { Cursor, LogBatch, Sink, Table } from '../../runtime/contract.ts'

const never = new AbortController().signal

/** Brings a sink to the end of the batches as `deliver` does: from its own cursor, or anew if it has none. */
export async function follow(
  sink: Sink,
  batches: readonly LogBatch[],
  onBatch?: () => void,
  reads: 'state' | 'history' = 'state',
): Promise<void> {
  const cursor = await sink.cursor!(never)
  const after = batches.findIndex(batch => batch.cursor === cursor)
  if (cursor === undefined) await emptyAll(sink, batches)
  for (const batch of batches.slice(after + 1)) {
    await apply(sink, batch, never, reads)
    onBatch?.()
  }
}

export async function apply(
  sink: Sink,
  batch: LogBatch,
  signal = never,
  reads: 'state' | 'history' = 'state',
): Promise<void> {
  let truncated: Table | undefined
  if (batch.count === 1 && reads === 'state')
    for (const change of batch) if (change.kind === 't') truncated = change.table
  if (truncated !== undefined) await sink.truncate!(truncated, signal)
  const { rejected } = await sink.write(batch, signal, truncated === undefined ? undefined : new Set([0]))
  if (rejected.length > 0) throw new Error(`rejected: ${rejected[0]!.reason}`)
}

async function emptyAll(sink: Sink, batches: readonly LogBatch[]): Promise<void> {
  const seen = new Set<string>()
  for (const batch of batches)
    for (const { table } of batch) {
      if (seen.has(table.name)) continue
      seen.add(table.name)
      await sink.truncate!(table, never)
    }
}

/** What the sink shows of a table, by key. */
export async function rowsIn(sink: Sink, table: Table): Promise<Map<string, Record<string, string | null>>> {
  const rows = new Map<string, Record<string, string | null>>()
  for await (const page of sink.rows!(table, never))
    for (const row of page) {
      const key = Buffer.from(row.key).toString('latin1')
      if (rows.has(key)) throw new Error('the sink shows a key twice')
      rows.set(key, Object.assign(Object.create(null), Object.fromEntries(row.cells)))
    }
  return rows
}

export async function cursorOf(sink: Sink): Promise<Cursor | undefined> {
  return sink.cursor!(never)
}
