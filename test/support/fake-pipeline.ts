import type { TailraceError } from '../../runtime/errors.ts'
import { TailraceError as Failure } from '../../runtime/errors.ts'
import { OrderedMemoryLog } from '../../runtime/log/memory/ordered.ts'
import type { Part, PipelineStatus, RunningPipeline, SinkStatus, SourceStatus } from '../../runtime/status.ts'

export const SOURCE_STATUS: SourceStatus = {
  type: 'fake',
  state: 'running',
  since: '2026-01-01T00:00:00.000Z',
  phase: 'streaming',
  position: '0/10',
  lag: { bytes: 0, seconds: 0.2 },
  retained: { bytes: null, limitBytes: null, fullInSeconds: null },
  progress: null,
  tables: [{ table: 'app.public.orders', state: 'streaming', rows: 3, estimatedRows: 3, incomplete: null }],
  log: { start: null, end: null, bytes: 1000, records: 3, diskFreeBytes: null },
  error: null,
}

export const SINK_STATUS: SinkStatus = {
  type: 'fake',
  state: 'running',
  since: '2026-01-01T00:00:00.000Z',
  phase: 'live',
  cursors: { app: null },
  lag: { records: 0, bytes: 0, seconds: 0 },
  progress: null,
  applied: 3,
  quarantined: 0,
  error: null,
}

/** A pipeline that only answers: one source `app` with a memory log, one sink `search`. */
export class FakePipeline implements RunningPipeline {
  readonly appLog = new OrderedMemoryLog()
  readonly asked: string[] = []
  readonly started = Promise.resolve()
  readonly failed = new Promise<TailraceError>(() => {})
  current: PipelineStatus = {
    version: '1',
    pipeline: 'shop',
    startedAt: '2026-01-01T00:00:00.000Z',
    health: 'green',
    reasons: [],
    sources: { app: SOURCE_STATUS },
    sinks: { search: SINK_STATUS },
  }
  /** What `wait` does. */
  waiting: (signal: AbortSignal) => Promise<void> = () => Promise.resolve()

  async status(): Promise<PipelineStatus> {
    return this.current
  }

  async wait(sinks: readonly string[] | undefined, signal: AbortSignal): Promise<void> {
    for (const sink of sinks ?? []) if (sink !== 'search') throw unknown('UNKNOWN_SINK', sink)
    this.asked.push(`wait ${sinks?.join(',') ?? 'all'}`)
    await this.waiting(signal)
  }

  async pause(part: Part): Promise<void> {
    this.asked.push(`pause ${this.#name(part)}`)
  }

  async resume(part: Part): Promise<void> {
    this.asked.push(`resume ${this.#name(part)}`)
  }

  log(): OrderedMemoryLog {
    return this.appLog
  }

  sources(): readonly string[] {
    return ['app']
  }

  sinks(): readonly string[] {
    return ['search']
  }

  caughtUp(signal: AbortSignal): Promise<void> {
    return this.waiting(signal)
  }

  async stop(): Promise<void> {
    this.asked.push('stop')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #name(part: Part): string {
    if ('source' in part && part.source !== 'app') throw unknown('UNKNOWN_SOURCE', part.source)
    if ('sink' in part && part.sink !== 'search') throw unknown('UNKNOWN_SINK', part.sink)
    return 'source' in part ? part.source : part.sink
  }
}

function unknown(code: string, name: string): Failure {
  return new Failure(code, 'stop', `There is no "${name}".`)
}
