import { compactLog } from '../compact.ts'
import type { CompactionReport } from '../contract.ts'
import { createLogger } from '../logger.ts'
import { namedPart } from '../named-part.ts'
import type { PipelineConfig } from '../pipeline-config.ts'
import { formatSize } from '../quantity.ts'
import { findProcess } from './client.ts'
import { type Context, print, printJson } from './context.ts'
import { EXIT } from './exit-code.ts'
import { existingLogs, openLog } from './inspect.ts'
import { count, table } from './terminal.ts'

export interface CompactOptions {
  readonly source?: string
}

type Reports = Readonly<Record<string, CompactionReport>>

/**
 * Compacts the logs of all sources, or of one, now: in the running process, or here where none runs. Throws LOG_LOCKED,
 * UNKNOWN_SOURCE, COMPACT_UNSUPPORTED.
 */
export async function compact(context: Context, options: CompactOptions): Promise<number> {
  const { io, json } = context
  const reports = await compacted(context, options.source)
  if (json) printJson(io, { sources: reports })
  else if (Object.keys(reports).length === 0) print(io, 'There is no log yet.')
  else print(io, reportText(context, reports))
  return EXIT.fine
}

async function compacted(context: Context, source: string | undefined): Promise<Reports> {
  const { signal } = context
  const { client, config } = await findProcess(context)
  const reports: Record<string, CompactionReport> = {}
  if (client === undefined) return compactHere(config!, source, signal)
  const { sources } = (await (await client.ask('/status')).json()) as { sources: Readonly<Record<string, unknown>> }
  for (const name of source === undefined ? Object.keys(sources) : [source]) {
    const response = await client.ask(`/sources/${encodeURIComponent(name)}/compact`, { method: 'POST', signal })
    reports[name] = (await response.json()) as CompactionReport
  }
  return reports
}

async function compactHere(config: PipelineConfig, source: string | undefined, signal: AbortSignal): Promise<Reports> {
  const logger = createLogger('warn')
  const existing = await existingLogs(config, logger)
  const wanted = source === undefined ? existing : [namedPart(config.sources, 'source', source).name]
  const reports: Record<string, CompactionReport> = {}
  for (const name of wanted.filter(each => existing.includes(each))) {
    await using log = await openLog(config, name, logger)
    reports[name] = await compactLog(log, signal)
  }
  return reports
}

function reportText({ io }: Context, reports: Reports): string {
  const rows = Object.entries(reports).map(([name, { segments, scanned, kept, bytesBefore, bytesAfter }]) => [
    name,
    count(segments),
    count(scanned),
    count(kept),
    formatSize(bytesBefore),
    formatSize(bytesAfter),
  ])
  return table(io.out, ['SOURCE', 'SEGMENTS', 'CHANGES', 'KEPT', 'BEFORE', 'AFTER'], rows)
}
