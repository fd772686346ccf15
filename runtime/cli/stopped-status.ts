import type { Logger } from 'pino'
import type { Cursor } from '../contract.ts'
import type { PipelineConfig, SinkConfig } from '../pipeline-config.ts'
import { tableFilter } from '../select.ts'
import type { PipelineStatus, SinkStatus, SourceStatus } from '../status.ts'
import { VERSION } from '../version.ts'
import { type InspectedLog, inspectLogs } from './inspect.ts'

/** What the logs alone tell of a pipeline that does not run. */
export async function stoppedStatus(config: PipelineConfig, logger: Logger): Promise<PipelineStatus> {
  await using stack = new AsyncDisposableStack()
  const logs = await inspectLogs(config, logger, stack)
  const sources = await Promise.all(
    config.sources.map(async source => {
      const found = logs.find(({ source: { name } }) => name === source.name)
      return [source.name, await sourceStatus(source.plugin.type, found)] as const
    }),
  )
  const sinks = await Promise.all(config.sinks.map(async sink => [sink.name, await sinkStatus(sink, logs)] as const))
  return {
    version: VERSION,
    pipeline: config.pipeline,
    startedAt: null,
    health: 'red',
    reasons: ['the pipeline does not run'],
    sources: Object.fromEntries(sources),
    sinks: Object.fromEntries(sinks),
  }
}

async function sourceStatus(type: string, found: InspectedLog | undefined): Promise<SourceStatus> {
  const resume = await found?.log.resume()
  const stats = await found?.log.stats()
  const tables = new Map([...(found?.log.tables().values() ?? [])].map(table => [table.name, table]))
  return {
    type,
    state: 'stopped',
    since: null,
    phase: resume?.stream === undefined ? 'loading' : 'streaming',
    position: resume?.stream ?? null,
    lag: { bytes: null, seconds: null },
    retained: { bytes: null, limitBytes: null, fullInSeconds: null },
    progress: null,
    tables: [...tables.keys()].map(table => {
      const load = resume?.loads.get(table)
      return {
        table,
        state: load?.done === false ? 'loading' : 'stopped',
        rows: load?.rows ?? null,
        estimatedRows: load?.totalRows ?? null,
        incomplete: null,
        progress: null,
        error: null,
      }
    }),
    log: {
      start: stats?.start ?? null,
      end: stats?.end ?? null,
      bytes: stats?.bytes ?? null,
      records: stats?.records ?? null,
      diskFreeBytes: stats?.diskFreeBytes ?? null,
      index: null,
    },
    cleansing: [],
    error: null,
  }
}

async function sinkStatus(sink: SinkConfig, logs: readonly InspectedLog[]): Promise<SinkStatus> {
  const cursors: Record<string, string | null> = {}
  let records: number | null = logs.length === 0 ? null : 0
  let bytes: number | null = records
  for (const { source, log } of logs) {
    const cursor = (await log.readers.load(sink.name)) ?? null
    cursors[source.name] = cursor
    // A sink that keeps its cursor in its target has none here.
    const lag = cursor === null ? { records: null, bytes: null } : await lagOf(sink, log, cursor)
    records = lag.records === null || records === null ? null : records + lag.records
    bytes = lag.bytes === null || bytes === null ? null : bytes + lag.bytes
  }
  return {
    type: sink.plugin.type,
    state: 'stopped',
    since: null,
    phase: logs.length === 0 ? 'building' : 'live',
    cursors,
    lag: { records, bytes, seconds: null },
    progress: null,
    applied: 0,
    quarantined: 0,
    rebuild: null,
    error: null,
  }
}

function lagOf(sink: SinkConfig, log: InspectedLog['log'], cursor: Cursor) {
  return log.lag(cursor, tableFilter(sink.tables))
}
