/** A PostgreSQL source read into a log in memory: its first load, then the stream. */
import type { z } from 'zod'
import { postgresConfig } from '../../connectors/postgres/config.ts'
import { PostgresSource } from '../../connectors/postgres/source.ts'
import type { LogBatch, SourceContext } from '../../runtime/contract.ts'
import { OrderedMemoryLog } from '../../runtime/log/memory/ordered.ts'
import { createLogger } from '../../runtime/logger.ts'
import { readToEnd } from './log-reading.ts'

const TIMEOUT_MS = 30_000

export interface SourceRun {
  readonly log: OrderedMemoryLog
  readonly batches: readonly LogBatch[]
}

/** Called `app`; its pipeline has the name of the database. */
export function openSource(
  options: z.input<typeof postgresConfig>,
  logger: SourceContext['logger'] = createLogger('silent'),
): PostgresSource {
  const pipeline = new URL(options.url).pathname.slice(1)
  return new PostgresSource(postgresConfig.parse(options), { pipeline, name: 'app', logger, folder: '' })
}

/** Loads, then runs `write` at the server, and streams until `rows` changes of rows came behind the load. */
export async function runSource(
  options: z.input<typeof postgresConfig>,
  rows: number,
  write: () => Promise<unknown>,
  logger: SourceContext['logger'] = createLogger('silent'),
): Promise<SourceRun> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const log = new OrderedMemoryLog()
  await using source = openSource(options, logger)
  for (const request of await source.start(undefined, signal))
    for await (const chunk of source.load(request, signal)) await log.append(chunk.rows)
  await write()
  let seen = 0
  for await (const batch of source.changes(signal)) {
    for (const { kind } of batch) if (kind !== 's') seen++
    await log.append(batch)
    if (seen >= rows && batch.end !== undefined) break
  }
  const { batches } = await readToEnd(log)
  return { log, batches }
}
