import type { Cursor, Sink, SourceLog } from '../contract.ts'
import type { RetryReport } from '../status.ts'
import { newestTables } from '../tables.ts'
import type { Quarantine, Refusal } from './quarantine.ts'

/** What is to be written once more when the delivery begins, and who waits for that. */
export class Retries {
  readonly #asked: { readonly isMeant: (row: Refusal) => boolean; readonly done: (report: RetryReport) => void }[] = []

  /** Resolves once the delivery has begun again, and tried them. */
  ask(isMeant: (row: Refusal) => boolean): Promise<RetryReport> {
    const { promise, resolve } = Promise.withResolvers<RetryReport>()
    this.#asked.push({ isMeant, done: resolve })
    return promise
  }

  take(): readonly { readonly isMeant: (row: Refusal) => boolean; readonly done: (report: RetryReport) => void }[] {
    return this.#asked.splice(0)
  }
}

/**
 * Writes the newest change of each of these rows once more. Those of tables without a key, and of sinks that keep every
 * change, are left: they are not found again by their key.
 */
export async function retryRows(
  {
    log,
    source,
    sink,
    cursor,
  }: { log: Pick<SourceLog, 'tables' | 'again'>; source: string; sink: Sink; cursor: Cursor },
  quarantine: Quarantine,
  isMeant: (row: Refusal) => boolean,
  signal: AbortSignal,
): Promise<RetryReport> {
  const report = { written: 0, refused: 0, left: 0 }
  const tables = newestTables(log)
  const written = new Set<Refusal>()
  for (const row of quarantine.rows) {
    if (row.source !== source || !isMeant(row)) continue
    const table = tables.get(row.table)
    if (row.key === '' || log.again === undefined) {
      report.left++
      continue
    }
    const isOver = table === undefined || table.incarnation !== row.incarnation
    const batch = isOver ? undefined : await log.again(table, Buffer.from(row.key, 'base64'))
    // The cursor stays: it is the delivery's.
    const rejected = batch === undefined ? [] : (await sink.write({ ...batch, cursor }, signal)).rejected
    if (rejected.length > 0) report.refused++
    else {
      report.written++
      written.add(row)
    }
  }
  await quarantine.drop(row => written.has(row))
  return report
}
