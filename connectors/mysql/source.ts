import { abortable } from '../../runtime/abort.ts'
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
import type { SharedConnection } from '../common/shared-connection.ts'
import { byName } from '../common/versions-by-name.ts'
import { beginMysql } from './begin.ts'
import { loadBeside } from './beside.ts'
import { CascadeWatch } from './cascade-watch.ts'
import { type Captured, capturedAsLogged } from './catalog.ts'
import type { MysqlConfig } from './config.ts'
import type { MysqlClient, TextRow } from './connection.ts'
import { Fences } from './fence.ts'
import { dumpFrom } from './gtids.ts'
import { readHead } from './head.ts'
import { Numbering } from './numbering.ts'
import { type BinlogPlace, covers, formatPosition, parsePosition } from './position.ts'
import { Resolver } from './resolver.ts'
import { sharedSql } from './shared-sql.ts'
import { loadShared } from './snapshot.ts'
import { loadCharsets } from './source-charsets.ts'
import { connectionName, loadRequest, replicaId, type Start } from './start.ts'
import { ChangeStream } from './stream.ts'
import { TableWatch, tableGone } from './table-watch.ts'
import type { Charsets } from './values/charsets.ts'
import { PreparedTransactions, removeOthers } from './xa/prepared.ts'
import { untilVisible } from './xa/visible.ts'

/** The server says something at least as often, so that silence means that it is gone. */
const HEARTBEAT_SECONDS = 5

/** One MySQL or MariaDB server: what its tables held at one moment, then its binary log from there. */
export class MysqlSource implements Source {
  readonly #config: MysqlConfig
  readonly #context: SourceContext
  readonly #name: string
  readonly #sql: SharedConnection<MysqlClient>
  /** Of its own: what the stream waits for waits for nothing else. */
  readonly #streamSql: SharedConnection<MysqlClient>
  readonly #life = new AbortController()
  readonly #fences = new Fences()
  #start: Start | undefined
  #isResync = false
  #stream: ChangeStream | undefined
  #watch: TableWatch | undefined
  #cascades: CascadeWatch | undefined
  /** Asked for before the stream was there. */
  #hastened: { readonly until: BinlogPlace; readonly signal: AbortSignal }[] = []
  #numbering: Numbering | undefined
  #charsets: Charsets | undefined
  /** Table versions that the log knows: at the start, and announced by loads since. */
  readonly #logged = new Map<number, Table>()
  /** The same and those that a load has announced: what its batches may name. */
  readonly #registry = new Map<number, Table>()
  /** For the first unit of the first load. */
  #unstored = true

  constructor(config: MysqlConfig, context: SourceContext) {
    this.#config = withOutbox(config)
    this.#context = context
    this.#name = connectionName(context)
    this.#sql = sharedSql(config, this.#name)
    this.#streamSql = sharedSql(config, `${this.#name} stream`)
  }

  async start(
    from: Resume | undefined,
    signal: AbortSignal,
    { resync, failed }: StartOptions = { resync: false },
  ): Promise<readonly LoadRequest[]> {
    const numbering = new Numbering(this.#context.name, from?.tables ?? [], this.#config.maskKey)
    this.#numbering = numbering
    const request = {
      config: this.#config,
      context: this.#context,
      name: this.#name,
      sql: this.#sql,
      numbering,
      life: this.#life.signal,
    }
    this.#isResync = resync
    for (const table of from?.tables ?? []) {
      this.#logged.set(table.id, table)
      this.#registry.set(table.id, table)
    }
    const start = await beginMysql(request, from && withoutEvents(from), { resync, failed }, signal)
    this.#start = start
    const unread = [...(from?.loads ?? [])].filter(([, { done }]) => !done).map(([name]) => name)
    const cascades = new CascadeWatch({
      config: this.#config,
      facts: start.facts,
      logger: this.#context.logger,
      loading: [...start.loads.map(({ table }) => table.name), ...unread],
      ask: name => this.#watch!.ask(name),
    })
    cascades.take(start.cascades)
    this.#cascades = cascades
    const query = (sql: string): Promise<TextRow[]> =>
      this.#streamSql.use(client => client.query(sql), this.#life.signal)
    this.#charsets = await abortable(loadCharsets(start, query), signal)
    this.#watch = new TableWatch({
      config: this.#config,
      numbering,
      facts: start.facts,
      flavor: start.facts.flavor,
      sql: this.#streamSql,
      logger: this.#context.logger,
      captured: start.captured,
      cascades,
    })
    return start.loads
  }

  async *changes(signal: AbortSignal): AsyncGenerator<Batch> {
    const start = this.#started()
    await start.readers?.[Symbol.asyncDispose]()
    const { facts, position, captured } = start
    const known = [...this.#logged.values()]
    const place = { config: this.#config, numbering: this.#numbering!, flavor: facts.flavor }
    const versions = byName(known)
    const resolver = new Resolver({
      ...place,
      charsets: this.#charsets!,
      lowerCaseTableNames: facts.lowerCaseTableNames,
      // Rows that are still to come are as the log has their tables, whatever was altered since.
      captured: captured.map(one => capturedAsLogged(one, versions.get(one.table.name)?.at(-1), place)),
      watch: this.#watch!,
      signal,
    })
    const unknown = captured.map(({ table }) => table).filter(({ id }) => !this.#logged.has(id))
    const { folder, logger } = this.#context
    // Else what the log has is of the former stream until the first unit of this one is.
    if (!start.isReplacing) await removeOthers(folder, position.prepared)
    const stream = new ChangeStream({
      config: this.#config,
      name: this.#name,
      source: this.#context.name,
      logger,
      facts,
      from: position,
      dump: dumpFrom(position, position.server === facts.serverId),
      serverId: replicaId(this.#config, this.#context),
      tables: known,
      announce: start.isFirst ? unknown : this.#isResync ? [] : undefined,
      identity: start.identity,
      resolver,
      prepared: new PreparedTransactions(folder, position.prepared, logger),
      untilVisible: (transaction, place) =>
        this.#streamSql.use(client => untilVisible(client, facts, transaction, place, signal), signal),
      heartbeatSeconds: HEARTBEAT_SECONDS,
    })
    this.#stream = stream
    for (const { until, signal: wish } of this.#hastened.splice(0)) stream.hasten(until, wish)
    yield* stream.batches(signal)
  }

  async *due(signal: AbortSignal): AsyncGenerator<LoadRequest> {
    this.#started()
    // It fails by the signal alone, and so does what follows.
    this.#cascades!.run(signal).catch(() => {})
    yield* this.#watch!.due(signal)
  }

  async *load(request: LoadRequest, signal: AbortSignal): AsyncGenerator<Chunk> {
    const chunks = request.beside ? this.#beside(request, signal) : this.#shared(request, signal)
    const done = this.#cascades?.reads(request)
    for await (const chunk of chunks) {
      yield chunk
      if (chunk.progress.done) done?.()
      if (request.readOnly !== true) noteTables(this.#logged, chunk)
    }
  }

  request(name: string, scope: LoadRequest['scope'], sweep: boolean): LoadRequest | undefined {
    this.#started()
    const captured = this.#watch!.named(name)
    if (captured === undefined) return undefined
    requireMergeKey(captured.table)
    return { ...loadRequest(captured, true), scope, sweep }
  }

  async *#beside(request: LoadRequest, signal: AbortSignal): AsyncGenerator<Chunk> {
    const captured = this.#watch?.named(request.table.name)
    if (captured === undefined) throw tableGone(request.table)
    yield* loadBeside(
      request,
      {
        config: this.#config,
        sourceName: this.#context.name,
        facts: this.#started().facts,
        charsets: this.#charsets!,
        captured,
        recapture: () => this.#watch!.recapture(captured, signal),
        isCurrent: one => this.#watch!.isCurrent(one, signal),
        isLogged: ({ id }) => this.#logged.has(id),
        registry: this.#registry,
      },
      signal,
    )
  }

  async *#shared(request: LoadRequest, signal: AbortSignal): AsyncGenerator<Chunk> {
    const { readers, position, identity, captured } = this.#started()
    if (readers === undefined || request.scope.kind !== 'all')
      throw new TailraceError('LOAD_UNSUPPORTED', 'stop', `${request.table.name} can only be loaded whole, at first.`)
    const unknown = captured.map(({ table }) => table).filter(({ id }) => !this.#logged.has(id))
    const isFirst = this.#unstored
    this.#unstored = false
    const context = {
      config: this.#config,
      readers,
      captured: this.#capturedAs(request.table),
      charsets: this.#charsets!,
      position: formatPosition(position),
      registry: this.#registry,
      announce: isFirst ? unknown : [],
      identity: isFirst ? identity : undefined,
    }
    for await (const chunk of loadShared(request, context, signal)) {
      yield chunk
      for (const table of context.announce) this.#logged.set(table.id, table)
    }
  }

  #capturedAs({ name }: Table): Captured {
    const captured = this.#watch?.named(name)
    if (captured !== undefined) return captured
    throw new TailraceError('LOAD_UNSUPPORTED', 'stop', `${name} is not captured, and cannot be loaded.`)
  }

  sees(fence: Fence, transaction: TransactionId): boolean {
    return this.#fences.sees(fence, transaction)
  }

  ack(position: Position): void {
    this.#stream?.ack(parsePosition(position))
  }

  async head(signal: AbortSignal): Promise<SourceHead> {
    const { facts, isFirst, position } = this.#started()
    const durable = this.#stream?.durable ?? (isFirst ? undefined : position)
    return await this.#sql.use(client => readHead(client, facts, durable), signal)
  }

  hasten(position: Position, signal: AbortSignal): void {
    const until = parsePosition(position)
    if (this.#stream === undefined) this.#hastened.push({ until, signal })
    else this.#stream.hasten(until, signal)
  }

  staleness(): ReadonlyMap<string, number | null> {
    return this.#cascades?.staleness() ?? new Map()
  }

  covers(a: Position, b: Position): boolean {
    return covers(a, b)
  }

  get before(): 'source' | 'always' {
    return this.#config.before
  }

  get maxDeletes(): number | string {
    return this.#config.resync.maxDeletes
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#start?.readers?.[Symbol.asyncDispose]()
    this.#life.abort(new Error('the source has ended'))
    await this.#streamSql[Symbol.asyncDispose]()
    await this.#sql[Symbol.asyncDispose]()
  }

  #started(): Start {
    if (this.#start === undefined)
      throw new TailraceError('SOURCE_NOT_STARTED', 'stop', 'The source was used before it was started.')
    return this.#start
  }
}
