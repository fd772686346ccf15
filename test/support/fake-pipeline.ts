import type { Position, Table } from '../../runtime/contract.ts'
import type { TailraceError } from '../../runtime/errors.ts'
import { TailraceError as Failure } from '../../runtime/errors.ts'
import { OrderedMemoryLog } from '../../runtime/log/memory/ordered.ts'
import { encodeCells } from '../../runtime/record/cells.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import type {
  BackfillOptions,
  ForgetReceipt,
  Part,
  PipelineStatus,
  QuarantineActions,
  RebuildOptions,
  ReplayFrom,
  RunningPipeline,
  SinkStatus,
  SourceStatus,
} from '../../runtime/status.ts'
import type { VerifyEvents, VerifyReport, VerifyRequest } from '../../runtime/verify-report.ts'

export const SOURCE_STATUS: SourceStatus = {
  type: 'fake',
  state: 'running',
  since: '2026-01-01T00:00:00.000Z',
  phase: 'streaming',
  position: '0/10',
  lag: { bytes: 0, seconds: 0.2 },
  retained: { bytes: null, limitBytes: null, fullInSeconds: null },
  progress: null,
  tables: [
    {
      table: 'app.public.orders',
      state: 'streaming',
      rows: 3,
      estimatedRows: 3,
      incomplete: null,
      progress: null,
      error: null,
    },
  ],
  log: { start: null, end: null, bytes: 1000, records: 3, diskFreeBytes: null, index: null },
  cleansing: [],
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
  rebuild: null,
  error: null,
}

const ORDERS: Table = {
  id: 1,
  name: 'app.public.orders',
  source: 'app',
  schema: 'public',
  table: 'orders',
  incarnation: 1,
  version: 1,
  columns: [{ name: 'id', type: { kind: 'int64' }, declared: 'bigint', nullable: false }],
  key: [0],
  appendOnly: false,
  origin: '',
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
  /** What `verify` does. */
  verifying: (request: VerifyRequest, events: VerifyEvents, signal: AbortSignal) => Promise<VerifyReport> = async ({
    sink,
  }) => ({ sink, equal: true, seconds: 0.1, tables: [] })
  /** What `wait` does. */
  waiting: (signal: AbortSignal) => Promise<void> = () => Promise.resolve()

  /** Puts rows with these ids into the log, as one transaction. */
  async append(...ids: string[]): Promise<void> {
    const isFirst = this.appLog.tables().size === 0
    const writer = new BatchWriter(isFirst ? [] : [ORDERS])
    if (isFirst) writer.announce(ORDERS)
    writer.begin('7', '0/20', 0n)
    for (const id of ids) {
      const bytes = encodeCells([id])
      writer.row('c', ORDERS, { bytes, at: 0, end: bytes.length })
    }
    writer.commit()
    await this.appLog.append(writer.take({ lane: 'stream', position: '0/20' as Position }))
  }

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

  async verify(request: VerifyRequest, events: VerifyEvents, signal: AbortSignal): Promise<VerifyReport> {
    if (request.sink !== 'search') throw unknown('UNKNOWN_SINK', request.sink)
    this.asked.push(`verify ${request.tables?.join(',') ?? 'all'}${request.fix ? ' fix' : ''}`)
    return this.verifying(request, events, signal)
  }

  async backfill(source: string, options: BackfillOptions): Promise<readonly string[]> {
    const { tables = ['app.public.orders'], resnapshot, yes } = options
    this.asked.push(`backfill ${this.#name({ source })} ${tables.join(',')} ${resnapshot} ${yes}`)
    return tables
  }

  async rebuild(sink: string, { verify, rollback }: RebuildOptions): Promise<void> {
    this.asked.push(`rebuild ${this.#name({ sink })} ${verify} ${rollback}`)
  }

  async replay(sink: string, from: ReplayFrom): Promise<Readonly<Record<string, string>>> {
    this.asked.push(`replay ${this.#name({ sink })} ${'since' in from ? from.since : from.cursor}`)
    return { app: 'start' }
  }

  quarantine(sink: string): QuarantineActions {
    this.#name({ sink })
    const row = { source: 'app', table: 'app.public.orders', key: '7', version: '9', reason: 'too long', at: '' }
    return {
      list: () => [row],
      retry: async choice => {
        this.asked.push(`retry ${sink} ${JSON.stringify(choice)}`)
        return { written: 1, refused: 0, left: 0 }
      },
      drop: async choice => {
        this.asked.push(`drop ${sink} ${JSON.stringify(choice)}`)
        return 1
      },
    }
  }

  async forget(table: string, keys: readonly string[]): Promise<ForgetReceipt> {
    this.asked.push(`forget ${table} ${keys.join(',')}`)
    const log = { removed: [1, 1], segments: 1, bytesBefore: 100, bytesAfter: 50 }
    return { table, keys, at: '2026-01-01T00:00:00.000Z', log, sinks: { search: ['./search.db'] } }
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
