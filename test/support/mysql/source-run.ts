/** A MySQL or MariaDB source read into a log in memory: its first load, then the stream. */
import type { z } from 'zod'
import { mysqlConfig } from '../../../connectors/mysql/config.ts'
import { MysqlSource } from '../../../connectors/mysql/source.ts'
import type { SourceContext } from '../../../runtime/contract.ts'
import { OrderedMemoryLog } from '../../../runtime/log/memory/ordered.ts'
import { createLogger } from '../../../runtime/logger.ts'
import { readToEnd } from '../log-reading.ts'
import type { SourceRun } from '../source-run.ts'

const TIMEOUT_MS = 60_000

export type MysqlOptions = z.input<typeof mysqlConfig>

/** Called `app`. */
export function openMysql(
  options: MysqlOptions,
  logger: SourceContext['logger'] = createLogger('silent'),
): MysqlSource {
  return new MysqlSource(mysqlConfig.parse(options), { pipeline: 'parity', name: 'app', logger, folder: '' })
}

/** Loads, then runs `write` at the server, and streams until all that was committed by then has come. */
export async function runMysql(options: MysqlOptions, write: () => Promise<unknown>): Promise<SourceRun> {
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const log = new OrderedMemoryLog()
  await using source = openMysql(options)
  for (const request of await source.start(undefined, signal))
    for await (const chunk of source.load(request, signal)) await log.append(chunk.rows)
  await write()
  const { position } = await source.head(signal)
  source.hasten(position, signal)
  for await (const batch of source.changes(signal)) {
    await log.append(batch)
    const { end } = batch
    if (end?.lane === 'stream' && source.covers(end.position, position)) break
  }
  const { batches } = await readToEnd(log)
  return { log, batches }
}
