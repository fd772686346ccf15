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
  Table,
  TransactionId,
} from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { begin } from './begin.ts'
import { loadBeside, requireMergeKey } from './beside.ts'
import { type Captured, captureTables } from './catalog.ts'
import type { PostgresConfig } from './config.ts'
import { FastLane } from './fast-lane.ts'
import { Fences } from './fence.ts'
import { formerColumns } from './former-columns.ts'
import { HeadMeter } from './head.ts'
import { formatLsn, parseLsn } from './position.ts'
import { endConnection } from './replication.ts'
import { Resolver } from './resolver.ts'
import { nameOf } from './selection.ts'
import { waitUntilEnded } from './settle.ts'
import { loadTable } from './snapshot.ts'
import { SqlConnection } from './sql.ts'
import { loadRequest, type Start } from './start.ts'
import { ChangeStream } from './stream.ts'
import { Numbering } from './table-version.ts'
import { warnOfUnknown } from './unknown-types.ts'
import { tableFromRelation } from './versions.ts'
import { askServer } from './walsender.ts'

/** After this long without a byte the server is asked whether it still works on our stream. */
const SILENCE_MS = 30_000

/** One PostgreSQL database: the first load under the slot's snapshot, then the stream from its consistent point. */
export class PostgresSource implements Source {
  readonly #config: PostgresConfig
  readonly #context: SourceContext
  readonly #sql: SqlConnection
  readonly #name: string
  readonly #fences = new Fences()
  readonly #fastLaneMs: number | undefined
  #fastLane: FastLane | undefined
  #start: Start | undefined
  #isResync = false
  /** Holds the exported snapshot until the loads have ended. */
  #exporter: pg.Client | undefined
  #stream: ChangeStream | undefined
  /** Asked for before the stream was there. */
  #hastened: { readonly until: bigint; readonly signal: AbortSignal }[] = []
  #meter: HeadMeter | undefined
  #numbering: Numbering | undefined
  /** Table versions that the log knows: at the start, and announced by loads since. */
  readonly #logged = new Map<number, Table>()

  /** `fastLaneMs`: how long the first load may take under the exported snapshot (fast-lane.ts). */
  constructor(config: PostgresConfig, context: SourceContext, fastLaneMs?: number) {
    this.#fastLaneMs = fastLaneMs
    this.#config = config
    this.#context = context
    this.#name = `tailrace ${context.pipeline} ${context.name}`
    this.#sql = new SqlConnection(config, this.#name)
  }

  async start(
    from: Resume | undefined,
    signal: AbortSignal,
    { resync }: { readonly resync: boolean } = { resync: false },
  ): Promise<readonly LoadRequest[]> {
    const { maskKey } = this.#config
    const numbering = new Numbering(this.#context.name, from?.tables ?? [], maskKey, from?.identity.catalog)
    const request = { config: this.#config, context: this.#context, name: this.#name, sql: this.#sql, numbering }
    this.#isResync = resync
    const start = await begin(request, from, resync, signal)
    for (const table of from?.tables ?? []) this.#logged.set(table.id, table)
    this.#exporter = start.exporter
    this.#meter = new HeadMeter(start.slot)
    this.#start = start
    this.#numbering = numbering
    return start.loads
  }

  async *changes(signal: AbortSignal): AsyncGenerator<Batch> {
    const start = this.#started()
    this.#endExporter()
    const known = [...this.#logged.values()]
    const resolver = new Resolver(start.captured, known, (relation, current, versions) =>
      this.#sql.use(async sql => {
        const known = [...versions, ...this.#logged.values()]
        const { name } = this.#context
        const next = await tableFromRelation(sql, name, this.#config, relation, current, known, this.#numbering)
        warnOfUnknown(this.#context.logger, [next])
        return next
      }, signal),
    )
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
    })
    this.#stream = stream
    for (const { until, signal: wish } of this.#hastened.splice(0)) stream.hasten(until, wish)
    yield* stream.batches(signal)
  }

  async *load(request: LoadRequest, signal: AbortSignal): AsyncGenerator<Chunk> {
    const chunks = request.beside ? this.#beside(request, signal) : this.#underSnapshot(request, signal)
    for await (const chunk of chunks) {
      yield chunk
      if (request.readOnly !== true) this.#logged.set(chunk.table.id, chunk.table)
    }
  }

  request(name: string, scope: LoadRequest['scope'], sweep: boolean): LoadRequest | undefined {
    const captured = this.#started().captured.find(({ table }) => table.name === name)
    if (captured === undefined) return undefined
    requireMergeKey(captured.table)
    return { ...loadRequest(captured), scope, beside: true, sweep }
  }

  async *#beside(request: LoadRequest, signal: AbortSignal): AsyncGenerator<Chunk> {
    const captured = this.#capturedAs(request.table)
    const { name } = captured.table
    const running = this.#started().unsettled.get(name) ?? []
    await waitUntilEnded(this.#sql, running, { table: name, logger: this.#context.logger }, signal)
    yield* loadBeside(
      request,
      {
        config: this.#config,
        sourceName: this.#context.name,
        captured,
        recapture: () => this.#recapture(captured, request.scope, signal),
        tables: () => [...this.#logged.values()],
      },
      signal,
    )
  }

  async *#underSnapshot(request: LoadRequest, signal: AbortSignal): AsyncGenerator<Chunk> {
    const { snapshot, position, slot, identity, captured, isReplacing } = this.#started()
    if (snapshot === undefined || request.scope.kind !== 'all')
      throw new TailraceError('LOAD_UNSUPPORTED', 'stop', `${request.table.name} can only be loaded whole, at first.`)
    this.#fastLane ??= new FastLane(
      captured.reduce((bytes, { estimatedBytes }) => bytes + (estimatedBytes ?? 0), 0),
      this.#fastLaneMs,
    )
    const announce = unknownTables(captured, this.#logged)
    const context = {
      config: this.#config,
      sourceName: this.#context.name,
      snapshotName: snapshot,
      consistentPoint: formatLsn(position),
      captured: this.#capturedAs(request.table),
      tables: [...this.#logged.values()],
      announce,
      slot,
      identity: isReplacing ? undefined : identity,
      fastLane: this.#fastLane,
    }
    for await (const chunk of loadTable(request, context, signal)) {
      yield chunk
      for (const table of announce) this.#logged.set(table.id, table)
    }
  }

  #capturedAs({ name }: Table): Captured {
    const captured = this.#started().captured.find(({ table }) => table.name === name)
    if (captured !== undefined) return captured
    throw new TailraceError('LOAD_UNSUPPORTED', 'stop', `${name} is not captured, and cannot be loaded.`)
  }

  /** The table with its columns of now. Throws what changed its rows without events, unless all of them are read. */
  async #recapture({ table }: Captured, scope: LoadRequest['scope'], signal: AbortSignal): Promise<Captured> {
    const config = { ...this.#config, tables: [nameOf(table)] }
    const [now] = await this.#sql.use(
      sql => captureTables(sql, this.#context.name, config, [...this.#logged.values()], this.#numbering),
      signal,
    )
    const { rewrite } = now!
    if (rewrite !== undefined && (scope.kind !== 'all' || now!.table.incarnation !== table.incarnation)) throw rewrite
    warnOfUnknown(this.#context.logger, [now!])
    return now!
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
    this.#endExporter()
    await this.#sql[Symbol.asyncDispose]()
  }

  #started(): Start {
    if (this.#start === undefined) throw notStarted()
    return this.#start
  }

  #endExporter(): void {
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
