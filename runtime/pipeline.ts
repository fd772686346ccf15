import type { Logger } from 'pino'
import { abortable } from './abort.ts'
import { Cleansings } from './cleanse/cleansings.ts'
import { type ConfigChanges, configChanges } from './config-changes.ts'
import type { Generation, SourceLog } from './contract.ts'
import { errorCode, type TailraceError } from './errors.ts'
import { type ForgetParts, forget } from './forget.ts'
import { namedPart } from './named-part.ts'
import type { Pauses } from './pauses.ts'
import type { PipelineConfig, SinkConfig } from './pipeline-config.ts'
import { pipelineStatus } from './pipeline-status.ts'
import type { Quarantines } from './quarantine/quarantines.ts'
import { SinkQuarantine } from './quarantine/sink-quarantine.ts'
import { Rebuilds } from './rebuild/rebuilds.ts'
import type { Remembered } from './remembered.ts'
import { replay } from './replay.ts'
import type { ShapeMemory } from './shape/memory.ts'
import { allApplied } from './sink-part/all-applied.ts'
import { SinkPart } from './sink-part.ts'
import { openSource } from './source-part/open.ts'
import { SourcePart } from './source-part.ts'
import type {
  BackfillOptions,
  ForgetReceipt,
  Part,
  PipelineStatus,
  RebuildOptions,
  ReplayFrom,
  RunningPipeline,
} from './status.ts'
import type { Supervisor } from './supervisor.ts'
import { verifySink } from './verify/sink.ts'
import type { VerifyEvents, VerifyReport, VerifyRequest } from './verify-report.ts'

export class Pipeline implements RunningPipeline {
  /** Resolves once every part that it began with runs, waits or is paused; rejects with the error of one that cannot start. */
  readonly started: Promise<void>
  readonly failed: Promise<TailraceError>
  readonly #fatal = Promise.withResolvers<TailraceError>()
  readonly #logger: Logger
  readonly #pauses: Pauses
  readonly #quarantines: Quarantines
  readonly #shapes: ShapeMemory
  readonly #rebuilds: Rebuilds
  readonly #cleansings: Cleansings
  #config: PipelineConfig
  #sources: SourcePart[]
  #sinks: SinkPart[]
  readonly #startedAt = new Date().toISOString()
  #applying: Promise<unknown> = Promise.resolve()
  #stopping: Promise<void> | undefined

  /** See runPipeline. Starts them; their logs are its own from now on. */
  constructor(config: PipelineConfig, sources: readonly SourcePart[], state: Remembered, logger: Logger) {
    const { pauses, plans, cleansed, quarantines, shapes } = state
    this.#config = config
    this.#logger = logger
    this.#pauses = pauses
    this.#quarantines = quarantines
    this.#shapes = shapes
    this.#sources = [...sources]
    this.#rebuilds = new Rebuilds({
      plans,
      quarantines,
      shapes,
      logger,
      open: live => this.#newSink(live.config, 'next'),
      isPaused: live => this.#isPaused(live),
      onFatal: this.#fatal.resolve,
    })
    this.#cleansings = new Cleansings({
      cleansed,
      logger,
      sinks: () => this.#sinks,
      rebuild: (sink, signal) => this.#rebuilds.once(sink, signal),
      resting: (sink, work) => this.#again(sink, work),
    })
    this.#sinks = config.sinks.map(sink => this.#newSink(sink))
    for (const part of [...this.#sinks, ...this.#sources]) this.#start(part)
    this.started = Promise.all(this.#supervisors().map(supervisor => supervisor.started)).then(() => {})
    this.started.catch(() => {})
    this.failed = this.#fatal.promise
  }

  #newSink(config: SinkConfig, generation?: Generation): SinkPart {
    const { pipeline, folder } = this.#config
    const [logger, quarantines, shapes] = [this.#logger, this.#quarantines, this.#shapes]
    const reshape = (live: SinkPart): void => this.#rebuilds.reshape(live)
    return new SinkPart(config, this.#sources, { pipeline, folder, logger, quarantines, shapes, reshape }, generation)
  }

  #start(part: SourcePart | SinkPart): void {
    part.supervisor.start(this.#isHeld(part))
    void part.supervisor.fatal.then(this.#fatal.resolve)
    if (part instanceof SinkPart) this.#rebuilds.resume(part)
    else this.#cleansings.begin(part)
  }

  /** By a person, or because its target must not be written now. */
  #isHeld(part: SourcePart | SinkPart): boolean {
    return this.#isPaused(part) || (part instanceof SinkPart && this.#rebuilds.isSwapping(part.name))
  }

  #isPaused(part: SourcePart | SinkPart): boolean {
    const { name } = part
    return this.#pauses.has(part instanceof SourcePart ? { source: name } : { sink: name })
  }

  /** Has the part end its work, changes it, and has it begin again, unless a person has paused it. */
  async #again(part: SourcePart | SinkPart, change: () => void | Promise<void>): Promise<void> {
    await part.supervisor.pause()
    try {
      await change()
    } finally {
      if (!this.#isHeld(part)) part.supervisor.resume()
    }
  }

  #supervisors(): Supervisor[] {
    return [...this.#sources, ...this.#sinks].map(part => part.supervisor)
  }

  status(): Promise<PipelineStatus> {
    const { pipeline } = this.#config
    const parts = { sources: this.#sources, sinks: this.#sinks, rebuilds: this.#rebuilds, cleansings: this.#cleansings }
    return pipelineStatus({ pipeline, startedAt: this.#startedAt }, parts)
  }

  async wait(names: readonly string[] | undefined, signal: AbortSignal): Promise<void> {
    const sinks = names === undefined ? this.#sinks : names.map(name => this.#sink(name))
    await allApplied(sinks, signal)
    await Promise.all(sinks.map(({ name }) => this.#rebuilds.ended(name, signal)))
  }

  async caughtUp(signal: AbortSignal): Promise<void> {
    await abortable(this.started, signal)
    await this.wait(undefined, signal)
  }

  async pause(part: Part): Promise<void> {
    const { supervisor } = this.#part(part)
    await this.#pauses.set(part, true)
    if ('sink' in part) await this.#rebuilds.pause(part.sink)
    await supervisor.pause()
  }

  async resume(part: Part): Promise<void> {
    const { supervisor } = this.#part(part)
    await this.#pauses.set(part, false)
    if ('source' in part) return this.#source(part.source).resume()
    if (await this.#hasChanged(part.sink)) await this.#sink(part.sink).accept()
    this.#rebuilds.unpause(part.sink)
    if (!this.#rebuilds.isSwapping(part.sink)) supervisor.resume()
  }

  /** It stands at a table whose columns have changed. */
  async #hasChanged(sink: string): Promise<boolean> {
    const errors = [this.#sink(sink).supervisor.error, (await this.#rebuilds.status(sink))?.error]
    return errors.some(error => errorCode(error) === 'SCHEMA_CHANGED')
  }

  async backfill(source: string, options: BackfillOptions, signal: AbortSignal): Promise<readonly string[]> {
    return await this.#source(source).backfill(options, signal)
  }

  async rebuild(sink: string, options: RebuildOptions, signal: AbortSignal): Promise<void> {
    await this.#rebuilds.begin(this.#sink(sink), options, signal)
  }

  async replay(sink: string, from: ReplayFrom, signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
    const part = this.#sink(sink)
    return await replay(part, from, change => this.#again(part, change), signal)
  }

  quarantine(sink: string): SinkQuarantine {
    return new SinkQuarantine(this.#sink(sink), (part, change) => this.#again(part, change))
  }

  async forget(table: string, keys: readonly string[], signal: AbortSignal): Promise<ForgetReceipt> {
    const parts: ForgetParts = {
      sources: this.#sources,
      sinks: this.#sinks,
      isRebuilt: ({ name }) => this.#rebuilds.has(name),
      resting: (sink, work) => this.#again(sink, work),
    }
    return await forget(table, keys, parts, signal)
  }

  async verify(request: VerifyRequest, events: VerifyEvents, signal: AbortSignal): Promise<VerifyReport> {
    return await verifySink(this.#sink(request.sink), request, events, signal)
  }

  log(source: string): SourceLog {
    return this.#source(source).log
  }

  sources(): readonly string[] {
    return this.#sources.map(source => source.name)
  }

  sinks(): readonly string[] {
    return this.#sinks.map(sink => sink.name)
  }

  /**
   * Goes over to another configuration of this pipeline: what is the same in it is not touched, what differs is started
   * anew, a source on the log that it has. Throws CONFIG_RELOAD, and what hinders a new source's log from being opened:
   * all stays as it is then.
   */
  apply(config: PipelineConfig): Promise<ConfigChanges> {
    const applied = this.#applying.then(() => this.#apply(config))
    this.#applying = applied.catch(() => {})
    return applied
  }

  async #apply(config: PipelineConfig): Promise<ConfigChanges> {
    if (this.#stopping !== undefined) throw new Error('the pipeline stops')
    const changes = configChanges(this.#config, config)
    await using opened = new AsyncDisposableStack()
    const added: SourcePart[] = []
    for (const source of changes.sources.added) added.push(opened.use(await openSource(config, source, this.#logger)))
    opened.move()
    this.#config = config
    const gone = this.#sources.filter(({ name }) => changes.sources.removed.includes(name))
    this.#sources = this.#sources.filter(part => !gone.includes(part)).concat(added)
    await this.#changeSinks(changes.sinks, gone.concat(added))
    await Promise.all(gone.map(part => this.#cleansings.end(part)))
    await Promise.all(gone.map(part => part[Symbol.asyncDispose]()))
    const sources = changes.sources.changed.map(source => [this.#source(source.name), source] as const)
    await Promise.all(
      sources.map(async ([part, source]) => {
        await this.#cleansings.end(part)
        await this.#again(part, () => part.configure(source))
        this.#cleansings.begin(part)
      }),
    )
    for (const part of added) this.#start(part)
    return changes
  }

  /** `others`: sources that came or went, on whose logs the sinks that take from them do not stay. */
  async #changeSinks(
    { removed, changed, added }: ConfigChanges['sinks'],
    others: readonly SourcePart[],
  ): Promise<void> {
    const gone = this.#sinks.filter(({ name }) => removed.includes(name))
    this.#sinks = this.#sinks.filter(part => !gone.includes(part))
    await Promise.all(gone.map(part => this.#rebuilds.forget(part)))
    await Promise.all(gone.map(({ supervisor }) => supervisor.stop()))
    const restarts = this.#sinks.map(async part => {
      const config = changed.find(({ name }) => name === part.name)
      if (config === undefined && !others.some(({ name }) => part.takesFrom(name))) return
      await this.#rebuilds.stop(part.name)
      await this.#again(part, () => part.configure(config ?? part.config, this.#sources))
      this.#rebuilds.resume(part)
    })
    await Promise.all(restarts)
    for (const config of added) {
      const part = this.#newSink(config)
      this.#sinks.push(part)
      this.#start(part)
    }
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    await this.#applying
    await Promise.all(this.#sources.map(part => this.#cleansings.end(part)))
    await Promise.all(this.#sources.map(source => source.supervisor.stop()))
    await this.#rebuilds.stopAll()
    await Promise.all(this.#sinks.map(sink => sink.supervisor.stop()))
    await Promise.all(this.#sources.map(source => source[Symbol.asyncDispose]()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #part(part: Part): SourcePart | SinkPart {
    return 'source' in part ? this.#source(part.source) : this.#sink(part.sink)
  }

  #source(name: string): SourcePart {
    return namedPart(this.#sources, 'source', name)
  }

  #sink(name: string): SinkPart {
    return namedPart(this.#sinks, 'sink', name)
  }
}
