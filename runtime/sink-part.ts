import type { Logger } from 'pino'
import type { Generation, LogLag, Sink, SinkContext, Table, Target } from './contract.ts'
import type { Delivery, Rejects } from './deliver/delivery.ts'
import { DeliveryProgress, deliver } from './deliver.ts'
import { generationOwner } from './generation.ts'
import { oldest, progress, Rate } from './lag.ts'
import { Lent, notRunning, stopped } from './lent.ts'
import type { SinkConfig } from './pipeline-config.ts'
import type { Quarantine, Refusal } from './quarantine/quarantine.ts'
import type { Quarantines } from './quarantine/quarantines.ts'
import { Retries } from './quarantine/retry.ts'
import type { ShapeMemory } from './shape/memory.ts'
import type { Shapes } from './shape/shapes.ts'
import { type ShapedSink, Shaping } from './sink-part/shaping.ts'
import { filterOf, hasGenerations, readsOf } from './sink-part/traits.ts'
import type { SourcePart } from './source-part.ts'
import type { Progress, RetryReport, SinkStatus } from './status.ts'
import { statusError } from './status-error.ts'
import { Supervisor, type Work } from './supervisor.ts'
import { type Upkeep, upkeep } from './upkeep.ts'
import { openInWorker, upkeepInWorker } from './worker/client.ts'

export interface SinkPlace {
  readonly pipeline: string
  /** Folder of the configuration file: where relative plugin paths start. */
  readonly folder: string
  readonly logger: Logger
  readonly quarantines: Quarantines
  readonly shapes: ShapeMemory
  /** The sink is to be built anew beside what it holds: what is declared of its tables is not what it was filled by. */
  readonly reshape: (sink: SinkPart) => void
}

/** One configured sink: its target, and a delivery from the log of each source it takes tables from. */
export class SinkPart {
  readonly name: string
  /** Its name among the readers of a log. */
  readonly reader: string
  readonly supervisor: Supervisor
  readonly #generation: Generation | undefined
  #config: SinkConfig
  readonly #place: SinkPlace
  #sources: readonly SourcePart[] = []
  readonly #progress = new Map<string, DeliveryProgress>()
  /** What is open now, by source. */
  readonly #lent = new Map<string, Lent<Sink>>()
  readonly #rate = new Rate()
  /** By source. */
  readonly #retries = new Map<string, Retries>()
  readonly #shaping: Shaping

  constructor(config: SinkConfig, sources: readonly SourcePart[], place: SinkPlace, generation?: Generation) {
    this.name = config.name
    this.reader = generationOwner(config.name, generation)
    this.#generation = generation
    this.#config = config
    this.#place = place
    this.#shaping = new Shaping({ memory: place.shapes, logger: place.logger, reader: this.reader })
    this.configure(config, sources)
    this.supervisor = new Supervisor(`sink ${this.reader}`, place.logger, work => this.#work(work))
  }

  /** For its next start. `sources`: all there are. */
  configure(config: SinkConfig, sources: readonly SourcePart[]): void {
    this.#config = config
    this.#sources = sources.filter(source => this.takesFrom(source.name))
    for (const name of this.#progress.keys())
      if (!this.#sources.some(source => source.name === name)) this.#progress.delete(name)
    for (const { name } of this.#sources)
      if (!this.#progress.has(name)) {
        this.#progress.set(name, new DeliveryProgress())
        this.#retries.set(name, new Retries())
      }
  }

  get config(): SinkConfig {
    return this.#config
  }

  takesFrom(source: string): boolean {
    const { tables } = this.#config
    if (tables === undefined) return true
    return tables.some(pattern => pattern.startsWith(`${source}.`) || pattern.startsWith(`"${source}".`))
  }

  /** The sources it takes tables from. */
  get sources(): readonly SourcePart[] {
    return this.#sources
  }

  /** The rows that its target refused. */
  get quarantine(): Quarantine {
    return this.#place.quarantines.of(this.reader)
  }

  /** Of the next start: these are written once more. Resolves with what came of it, for each source. */
  retry(isMeant: (row: Refusal) => boolean): Promise<RetryReport[]> {
    return Promise.all(this.#sources.map(({ name }) => this.#retries.get(name)!.ask(isMeant)))
  }

  delivery(source: string): DeliveryProgress | undefined {
    return this.#progress.get(source)
  }

  /** Resolves once the sink has applied all that the source's log holds now, and the log knows that it has. */
  async settled({ name, log }: SourcePart, signal: AbortSignal): Promise<void> {
    const end = log.end()
    if (end === undefined) return
    await this.#progress.get(name)!.reached(log, end, signal)
    await log.readers.save(this.reader, end)
  }

  takes(table: Table): boolean {
    return filterOf(this.#config)(table)
  }

  /** Rows that the source deleted stay in the target as they are. */
  get keepsDeleted(): boolean {
    return this.#config.onDelete === 'ignore'
  }

  /** It can be built beside what it holds. */
  get hasGenerations(): boolean {
    return hasGenerations(this.#config)
  }

  /** It wants every change. */
  get keepsHistory(): boolean {
    return readsOf(this.#config) === 'history'
  }

  /** By column, what the sink shows of a value; undefined: the value. */
  shown(table: Table): ReturnType<NonNullable<SinkConfig['plugin']['shown']>> | undefined {
    return this.#config.plugin.shown?.(this.#config.options, table)
  }

  /**
   * Lends the sink that takes from this source, until it ends: then the signal given to `work` aborts. Throws
   * PART_NOT_RUNNING.
   */
  async use<R>(source: string, work: (sink: Sink, signal: AbortSignal) => Promise<R>, signal: AbortSignal): Promise<R> {
    const lent = this.#lent.get(source)
    if (lent === undefined) throw notRunning(this.supervisor)
    return await lent.use(work, signal)
  }

  /** What the source's tables are to the sink; undefined: as they are. Of its work, or the last. */
  shapes(source: string): Shapes | undefined {
    return this.#shaping.shapes(source)
  }

  /** What this reader's target holds came there by what is declared now. */
  isShapedAs(reader: string): boolean {
    return this.#shaping.fits(reader, this.#shaped)
  }

  /** A person takes the tables as they are now, for a sink that stops where they change. */
  async accept(): Promise<void> {
    for (const reader of [this.name, generationOwner(this.name, 'next')])
      await this.#shaping.accept(reader, this.#shaped)
  }

  get #shaped(): ShapedSink {
    const { keepsHistory, hasGenerations } = this
    const filter = filterOf(this.#config)
    const { shape: options, transform } = this.#config
    return { options, transform, sources: this.#sources, filter, keepsHistory, hasGenerations }
  }

  async #work(work: Work): Promise<void> {
    if ((await this.#shaping.begin(this.#shaped)) && this.#generation === undefined) this.#place.reshape(this)
    await using target = await this.#open()
    const failure = new AbortController()
    const together: Work = {
      signal: AbortSignal.any([work.signal, failure.signal]),
      drain: AbortSignal.any([work.drain, failure.signal]),
      running: () => {},
    }
    const loops = this.#sources.map(source => this.#deliver(target, source, together))
    work.running()
    for (const loop of loops) loop.catch(error => failure.abort(error))
    const results = await Promise.allSettled(loops)
    const failed = results.find(result => result.status === 'rejected')
    if (failed !== undefined) throw failure.signal.aborted ? failure.signal.reason : failed.reason
  }

  async #open(): Promise<Target> {
    const { plugin, type, options } = this.#config
    const context = this.#context(this.#generation)
    return plugin.host === 'worker'
      ? openInWorker(type, this.#place.folder, options, context)
      : plugin.open(options, context)
  }

  /** Does this to its target while nothing of the sink is open, where its plugin works. Answers the plugin's lines. */
  async upkeep(what: Upkeep, signal: AbortSignal): Promise<readonly string[]> {
    const { plugin, type, options } = this.#config
    const context = this.#context(undefined)
    const shaped = this.#shaping.purged(what)
    return plugin.host === 'worker'
      ? await upkeepInWorker(type, this.#place.folder, options, context, shaped, signal)
      : await upkeep(plugin, options, context, shaped, signal)
  }

  #context(generation: Generation | undefined): SinkContext {
    const { pipeline, logger } = this.#place
    const sources = this.#sources.map(source => source.name)
    const context = { pipeline, name: this.name, logger, sources, onDelete: this.#config.onDelete }
    return generation === undefined ? context : { ...context, generation }
  }

  async #deliver(target: Target, source: SourcePart, work: Work): Promise<void> {
    const { log } = source
    await using sink = await target.sink({ name: source.name, logId: log.id }, work.signal)
    await using lent = new Lent(sink, () => stopped(this.supervisor))
    this.#lent.set(source.name, lent)
    const { plugin, batch, onDelete, onReject, maxQuarantined: most } = this.#config
    const limits = { most, keepsHistory: this.keepsHistory }
    const rejects: Rejects = {
      source: source.name,
      quarantine: this.quarantine,
      limits,
      retries: this.#retries.get(source.name)!,
    }
    const { name } = source
    const delivery: Delivery = {
      sinkName: this.reader,
      log: await this.#shaping.logOf(name, log, this.#shaped),
      isAnew: this.#shaping.isAnew(name),
      anewBegun: () => this.#shaping.anewBegun(name),
      filter: filterOf(this.#config),
      limits: { maxRows: batch.rows, maxBytes: batch.bytes },
      reads: readsOf(this.#config),
      coalesce: plugin.coalesce ?? false,
      isLoading: () => !source.isStreaming,
      deletes: onDelete === 'delete',
      ...(onReject === 'quarantine' ? { rejects } : {}),
    }
    try {
      await deliver(delivery, sink, this.#progress.get(source.name)!, work)
    } finally {
      this.#lent.delete(source.name)
    }
  }

  async status(): Promise<Omit<SinkStatus, 'rebuild'>> {
    let applied = 0
    let building = false
    let records: number | null = 0
    let bytes: number | null = 0
    let seconds: number | null = 0
    const cursors: Record<string, string | null> = {}
    for (const source of this.#sources) {
      const delivery = this.#progress.get(source.name)!
      applied += delivery.applied
      building ||= !delivery.live || !source.isStreaming
      cursors[source.name] = delivery.cursor ?? null
      const lag = await this.#lag(source, delivery)
      records = lag.records === null || records === null ? null : records + lag.records
      bytes = lag.bytes === null || bytes === null ? null : bytes + lag.bytes
      seconds = oldest(seconds, lag)
    }
    const { supervisor } = this
    return {
      type: this.#config.plugin.type,
      state: supervisor.state,
      since: supervisor.since,
      phase: building ? 'building' : 'live',
      cursors,
      lag: { records, bytes, seconds },
      progress: building ? this.#building(applied, records) : null,
      applied,
      quarantined: this.quarantine.count,
      error: statusError(supervisor.error),
    }
  }

  /** Not known until the target has told where the sink stands. */
  async #lag(source: SourcePart, delivery: DeliveryProgress): Promise<LogLag> {
    const after = delivery.cursor ?? (delivery.emptied === undefined ? undefined : 'start')
    return after === undefined ? { records: null, bytes: null } : source.log.lag(after, filterOf(this.#config))
  }

  #building(applied: number, left: number | null): Progress {
    this.#rate.add(applied)
    return progress(applied, left === null ? null : applied + left, this.#rate.perSecond)
  }
}
