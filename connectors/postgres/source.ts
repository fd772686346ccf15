import type pg from 'pg'
import type {
  Batch,
  Chunk,
  Fence,
  LoadRequest,
  Position,
  Resume,
  Source,
  SourceContext,
  SourceHead,
  StartOptions,
  Table,
  TransactionId,
} from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { noteTables } from '../common/chunk-tables.ts'
import { withOutbox } from '../common/event-options.ts'
import { withoutEvents } from '../common/event-tables.ts'
import { requireMergeKey } from '../common/merge-key.ts'
import { beginPostgres } from './begin.ts'
import { loadBeside } from './beside.ts'
import type { Captured } from './capture.ts'
import type { PostgresConfig } from './config.ts'
import { Fences } from './fence.ts'
import { FirstLoad } from './first-load.ts'
import { formerColumns } from './former-columns.ts'
import { HeadMeter } from './head.ts'
import { parseLsn } from './position.ts'
import { endConnection } from './replication.ts'
import { SourceTables } from './source-tables.ts'
import { type SharedSql, sharedSql } from './sql.ts'
import { loadRequest, type Start } from './start.ts'
import { ChangeStream } from './stream.ts'
import { Numbering } from './table-version.ts'
import { askServer } from './walsender.ts'

/** After this long without a byte the server is asked whether it still works on our stream. */
const SILENCE_MS = 30_000

/** How often the catalog is asked what changed without events. */
const WATCH_MS = 10_000

export interface SourceTimes {
  /** How long the first load may take under the exported snapshot (fast-lane.ts). */
  readonly fastLaneMs?: number
  readonly watchMs?: number
}

/** One PostgreSQL database: the first load under the slot's snapshot, then the stream from its consistent point. */
export class PostgresSource implements Source {
  readonly #config: PostgresConfig
  readonly #context: SourceContext
  readonly #sql: SharedSql
  /** Of its own: what waits for a lock there keeps nothing else waiting. */
  readonly #watchSql: SharedSql
  readonly #name: string
  readonly #fences = new Fences()
  readonly #times: SourceTimes
  #firstLoad: FirstLoad | undefined
  #start: Start | undefined
  #isResync = false
  /** Holds the exported snapshot until the loads have ended. */
  #exporter: pg.Client | undefined
  #stream: ChangeStream | undefined
  /** Asked for before the stream was there. */
  #hastened: { readonly until: bigint; readonly signal: AbortSignal }[] = []
  #meter: HeadMeter | undefined
  /** Table versions that the log knows: at the start, and announced by loads since. */
  readonly #logged = new Map<number, Table>()
  /** The same and those that a load has announced: what its batches may name. */
  readonly #registry = new Map<number, Table>()
  #tables: SourceTables | undefined
  #numbering: Numbering | undefined

  constructor(config: PostgresConfig, context: SourceContext, times: SourceTimes = {}) {
    this.#times = times
    this.#config = withOutbox(config)
    this.#context = context
    this.#name = `tailrace ${context.pipeline} ${context.name}`
    this.#sql = sharedSql(config, this.#name)
    this.#watchSql = sharedSql(config, `${this.#name} watch`)
  }

  async start(
    from: Resume | undefined,
    signal: AbortSignal,
    { resync }: StartOptions = { resync: false },
  ): Promise<readonly LoadRequest[]> {
    const { maskKey } = this.#config
    const numbering = new Numbering(this.#context.name, from?.tables ?? [], maskKey, from?.identity.catalog)
    this.#numbering = numbering
    const request = { config: this.#config, context: this.#context, name: this.#name, sql: this.#sql, numbering }
    this.#isResync = resync
    const start = await beginPostgres(request, from && withoutEvents(from), resync, signal)
    for (const table of from?.tables ?? []) {
      this.#logged.set(table.id, table)
      this.#registry.set(table.id, table)
    }
    this.#exporter = start.exporter
    this.#meter = new HeadMeter(start.slot)
    this.#start = start
    this.#tables = new SourceTables({
      ...request,
      watchSql: this.#watchSql,
      start,
      logged: this.#logged,
      onTaken: () => this.#stream?.forget(),
      watchMs: this.#times.watchMs ?? WATCH_MS,
    })
    return start.loads
  }

  async *changes(signal: AbortSignal): AsyncGenerator<Batch> {
    const start = this.#started()
    await this.#endFirstLoad()
    const known = [...this.#logged.values()]
    const resolver = this.#tables!.resolver(known, signal)
    const stream = new ChangeStream({
      config: this.#config,
      name: this.#name,
      source: this.#context.name,
      logger: this.#context.logger,
      slot: start.slot,
      publications: start.publications,
      from: start.position,
      tables: known,
      announce: start.isFirst ? unknownTables(start.captured, this.#logged) : this.#isResync ? [] : undefined,
      identity: start.identity,
      resolve: resolver.resolve,
      ask: pid => this.#sql.use(sql => askServer(sql, pid), AbortSignal.timeout(SILENCE_MS / 3)),
      silenceMs: SILENCE_MS,
      onDdl: () => this.#tables!.watch.lookSoon(),
      events: this.#numbering!,
    })
    this.#stream = stream
    for (const { until, signal: wish } of this.#hastened.splice(0)) stream.hasten(until, wish)
    yield* stream.batches(signal)
  }

  async *due(signal: AbortSignal): AsyncGenerator<LoadRequest> {
    this.#started()
    yield* this.#tables!.watch.due(signal)
  }

  async *load(request: LoadRequest, signal: AbortSignal): AsyncGenerator<Chunk> {
    const chunks = request.beside ? this.#beside(request, signal) : this.#underSnapshot(request, signal)
    for await (const chunk of chunks) {
      yield chunk
      if (request.readOnly !== true) noteTables(this.#logged, chunk)
    }
  }

  request(name: string, scope: LoadRequest['scope'], sweep: boolean): LoadRequest | undefined {
    this.#started()
    const captured = this.#tables!.named(name)
    if (captured === undefined) return undefined
    requireMergeKey(captured.table)
    return { ...loadRequest(captured), scope, beside: true, sweep }
  }

  async *#beside(request: LoadRequest, signal: AbortSignal): AsyncGenerator<Chunk> {
    const captured = this.#capturedAs(request.table)
    await this.#tables!.untilReadable(captured, signal)
    yield* loadBeside(
      request,
      {
        config: this.#config,
        sourceName: this.#context.name,
        captured,
        recapture: () => this.#tables!.recapture(captured, signal),
        isLogged: ({ id }) => this.#logged.has(id),
        registry: this.#registry,
      },
      signal,
    )
  }

  async *#underSnapshot(request: LoadRequest, signal: AbortSignal): AsyncGenerator<Chunk> {
    if (request.scope.kind !== 'all')
      throw new TailraceError('LOAD_UNSUPPORTED', 'stop', `${request.table.name} can only be loaded whole, at first.`)
    this.#firstLoad ??= new FirstLoad({
      config: this.#config,
      sourceName: this.#context.name,
      sql: this.#sql,
      start: this.#started(),
      logged: this.#logged,
      registry: this.#registry,
      fastLaneMs: this.#times.fastLaneMs,
    })
    yield* this.#firstLoad.load(request, this.#capturedAs(request.table), signal)
  }

  #capturedAs({ name }: Table): Captured {
    const captured = this.#tables?.named(name)
    if (captured !== undefined) return captured
    throw new TailraceError('LOAD_UNSUPPORTED', 'stop', `${name} is not captured, and cannot be loaded.`)
  }

  sees(fence: Fence, transaction: TransactionId): boolean {
    return this.#fences.sees(fence, transaction)
  }

  ack(position: Position): void {
    this.#stream?.ack(parseLsn(position))
  }

  head(signal: AbortSignal): Promise<SourceHead> {
    const meter = this.#meter
    const durable = this.#stream?.durable ?? (this.#start?.isFirst === false ? this.#start.position : 0n)
    if (meter === undefined) throw notStarted()
    return this.#sql.use(sql => meter.read(sql, durable), signal)
  }

  hasten(position: Position, signal: AbortSignal): void {
    const until = parseLsn(position)
    if (this.#stream === undefined) this.#hastened.push({ until, signal })
    else this.#stream.hasten(until, signal)
  }

  covers(a: Position, b: Position): boolean {
    return parseLsn(a) >= parseLsn(b)
  }

  formerColumns(now: Table, then: Table): readonly number[] {
    return formerColumns(now, then)
  }

  get before(): 'source' | 'always' {
    return this.#config.before
  }

  get maxDeletes(): number | string {
    return this.#config.resync.maxDeletes
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#endFirstLoad()
    await this.#watchSql[Symbol.asyncDispose]()
    await this.#sql[Symbol.asyncDispose]()
  }

  #started(): Start {
    if (this.#start === undefined) throw notStarted()
    return this.#start
  }

  async #endFirstLoad(): Promise<void> {
    await this.#firstLoad?.[Symbol.asyncDispose]()
    this.#firstLoad = undefined
    if (this.#exporter !== undefined) endConnection(this.#exporter)
    this.#exporter = undefined
  }
}

function unknownTables(captured: readonly Captured[], logged: ReadonlyMap<number, Table>): Table[] {
  return captured.map(({ table }) => table).filter(({ id }) => !logged.has(id))
}

function notStarted(): TailraceError {
  return new TailraceError('SOURCE_NOT_STARTED', 'stop', 'The source was used before it was started.')
}
