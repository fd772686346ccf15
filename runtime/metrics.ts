import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { PipelineStatus, SinkStatus, SourceStatus } from './status.ts'

/** What the status says as Prometheus metrics. A number that is not known has no sample. */

const STATES = ['starting', 'running', 'waiting', 'paused', 'failed', 'stopped'] as const

type Reading<T> = readonly [name: string, help: string, read: (status: T) => number | null]

const SOURCE: readonly Reading<SourceStatus>[] = [
  ['tailrace_source_lag_bytes', 'Log of the database that is not yet durable here', s => s.lag.bytes],
  ['tailrace_source_lag_seconds', 'Age of the newest commit known to be durable here', s => s.lag.seconds],
  ['tailrace_source_retained_bytes', 'Log that the database keeps for this source', s => s.retained.bytes],
  ['tailrace_source_retained_limit_bytes', 'Most that the database will keep', s => s.retained.limitBytes],
  ['tailrace_source_loaded_rows', 'Rows of the first load so far', s => s.progress?.rows ?? null],
  ['tailrace_source_loading', '1 while the first load runs', s => Number(s.phase === 'loading')],
  [
    'tailrace_source_incomplete_rows',
    'Rows of which not every column is known',
    s => sum(s.tables.map(t => t.incomplete)),
  ],
  ['tailrace_log_bytes', 'Size of the change log', s => s.log.bytes],
  ['tailrace_log_records', 'Changes in the change log', s => s.log.records],
  ['tailrace_log_disk_free_bytes', 'Free space where the change log lies', s => s.log.diskFreeBytes],
]

const SINK: readonly Reading<SinkStatus>[] = [
  ['tailrace_sink_lag_records', 'Changes not yet applied', s => s.lag.records],
  ['tailrace_sink_lag_bytes', 'Bytes of log not yet applied', s => s.lag.bytes],
  ['tailrace_sink_lag_seconds', 'Age of the oldest commit not yet applied', s => s.lag.seconds],
  ['tailrace_sink_building', '1 while the sink is built from the log', s => Number(s.phase === 'building')],
  ['tailrace_sink_applied', 'Changes applied since the process started', s => s.applied],
  ['tailrace_sink_quarantined', 'Rows that the target refused and that are kept aside', s => s.quarantined],
]

/** The registry of one process; its own figures (memory, event loop) are part of it, counted from here on. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #sources = SOURCE.map(([name, help, read]) => ({ gauge: this.#gauge(name, help, ['source']), read }))
  readonly #sinks = SINK.map(([name, help, read]) => ({ gauge: this.#gauge(name, help, ['sink']), read }))
  readonly #sourceState = this.#gauge('tailrace_source_state', '1 for the state the source is in', ['source', 'state'])
  readonly #sinkState = this.#gauge('tailrace_sink_state', '1 for the state the sink is in', ['sink', 'state'])
  readonly #health = this.#gauge('tailrace_health', '1 for the health of the pipeline', ['health'])
  readonly #info = this.#gauge('tailrace_info', 'Version and pipeline', ['version', 'pipeline'])

  constructor() {
    collectDefaultMetrics({ register: this.#registry })
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** The exposition text for this status. */
  async text(status: PipelineStatus): Promise<string> {
    this.#info.set({ version: status.version, pipeline: status.pipeline }, 1)
    for (const health of ['green', 'yellow', 'red'] as const)
      this.#health.set({ health }, Number(status.health === health))
    for (const { gauge } of [...this.#sources, ...this.#sinks]) gauge.reset()
    for (const [source, part] of Object.entries(status.sources)) {
      for (const { gauge, read } of this.#sources) set(gauge, { source }, read(part))
      for (const state of STATES) this.#sourceState.set({ source, state }, Number(part.state === state))
    }
    for (const [sink, part] of Object.entries(status.sinks)) {
      for (const { gauge, read } of this.#sinks) set(gauge, { sink }, read(part))
      for (const state of STATES) this.#sinkState.set({ sink, state }, Number(part.state === state))
    }
    return this.#registry.metrics()
  }

  #gauge<L extends string>(name: string, help: string, labelNames: readonly L[]): Gauge<L> {
    return new Gauge({ name, help, labelNames: [...labelNames], registers: [this.#registry] })
  }
}

function set(gauge: Gauge, labels: Record<string, string>, value: number | null): void {
  if (value !== null) gauge.set(labels, value)
}

function sum(values: readonly (number | null)[]): number | null {
  const known = values.filter(value => value !== null)
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0)
}
