import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { abortable } from './abort.ts'
import type { SourceLog } from './contract.ts'
import { TailraceError } from './errors.ts'
import { Pauses } from './pauses.ts'
import type { PipelineConfig } from './pipeline-config.ts'
import { SinkPart } from './sink-part.ts'
import { SourcePart } from './source-part.ts'
import type { BackfillOptions, Health, Part, PipelineStatus, RunningPipeline, SourceStatus } from './status.ts'
import type { Supervisor } from './supervisor.ts'
import { verifySink } from './verify/sink.ts'
import type { VerifyEvents, VerifyReport, VerifyRequest } from './verify-report.ts'
import { VERSION } from './version.ts'

/**
 * Opens every log, then runs one ingest per source and one delivery per sink and source, until stopped; closes in
 * reverse. Throws what hinders the logs from being opened (LOG_LOCKED, LOG_DAMAGED); a source or sink that cannot
 * start is a state of its part, see `started`. `resynced`: sources that begin a new stream where the old one cannot go
 * on, and read their tables by difference.
 */
export async function runPipeline(
  config: PipelineConfig,
  logger: Logger,
  resynced: ReadonlySet<string> = new Set(),
): Promise<Pipeline> {
  const { path } = config.log
  await mkdir(path, { recursive: true, mode: 0o700 })
  const pauses = await Pauses.load(path)
  await using opened = new AsyncDisposableStack()
  const sources: SourcePart[] = []
  for (const source of config.sources) {
    const folder = join(path, source.name)
    const context = { pipeline: config.pipeline, name: source.name, logger, folder }
    const log = opened.use(await config.log.plugin.open(config.log.options, context))
    const part = { pipeline: config.pipeline, folder, logger }
    sources.push(new SourcePart(source, log, part, resynced.has(source.name)))
  }
  const place = { pipeline: config.pipeline, folder: config.folder, logger }
  const sinks = config.sinks.map(sink => new SinkPart(sink, sources, place))
  return new Pipeline(config.pipeline, sources, sinks, pauses, opened.move())
}

export class Pipeline implements RunningPipeline {
  /** Resolves once every part runs, waits or is paused; rejects with the error of a part that cannot start. */
  readonly started: Promise<void>
  readonly failed: Promise<TailraceError>
  readonly #name: string
  readonly #sources: readonly SourcePart[]
  readonly #sinks: readonly SinkPart[]
  readonly #pauses: Pauses
  readonly #logs: AsyncDisposableStack
  /** Being compared now. */
  readonly #verified = new Set<SinkPart>()
  readonly #startedAt = new Date().toISOString()
  #stopping: Promise<void> | undefined

  constructor(
    name: string,
    sources: readonly SourcePart[],
    sinks: readonly SinkPart[],
    pauses: Pauses,
    logs: AsyncDisposableStack,
  ) {
    this.#name = name
    this.#sources = sources
    this.#sinks = sinks
    this.#pauses = pauses
    this.#logs = logs
    for (const sink of sinks) sink.supervisor.start(pauses.has({ sink: sink.name }))
    for (const source of sources) source.supervisor.start(pauses.has({ source: source.name }))
    const supervisors = this.#supervisors()
    this.started = Promise.all(supervisors.map(supervisor => supervisor.started)).then(() => {})
    this.started.catch(() => {})
    this.failed = Promise.race(supervisors.map(supervisor => supervisor.fatal))
  }

  #supervisors(): Supervisor[] {
    return [...this.#sources, ...this.#sinks].map(part => part.supervisor)
  }

  async status(): Promise<PipelineStatus> {
    const sources = await Promise.all(this.#sources.map(async part => [part.name, await part.status()] as const))
    const sinks = await Promise.all(this.#sinks.map(async part => [part.name, await part.status()] as const))
    const { health, reasons } = judge([
      ...sources.map(([name, status]) => ({ name: `source ${name}`, ...status })),
      ...sinks.map(([name, status]) => ({ name: `sink ${name}`, ...status })),
    ])
    return {
      version: VERSION,
      pipeline: this.#name,
      startedAt: this.#startedAt,
      health,
      reasons,
      sources: Object.fromEntries(sources),
      sinks: Object.fromEntries(sinks),
    }
  }

  async wait(names: readonly string[] | undefined, signal: AbortSignal): Promise<void> {
    const sinks = names === undefined ? this.#sinks : names.map(name => this.#sink(name))
    const sources = new Set(sinks.flatMap(sink => sink.sources))
    await Promise.all(
      [...sources].map(async source => {
        const cursor = await source.reached(signal)
        const waiting = sinks.filter(sink => sink.sources.includes(source))
        await Promise.all(waiting.map(sink => sink.delivery(source.name)!.reached(source.log, cursor, signal)))
      }),
    )
  }

  async caughtUp(signal: AbortSignal): Promise<void> {
    await abortable(this.started, signal)
    await this.wait(undefined, signal)
  }

  async pause(part: Part): Promise<void> {
    const { supervisor } = this.#part(part)
    await this.#pauses.set(part, true)
    await supervisor.pause()
  }

  async resume(part: Part): Promise<void> {
    const { supervisor } = this.#part(part)
    await this.#pauses.set(part, false)
    if ('source' in part) this.#source(part.source).resume()
    else supervisor.resume()
  }

  async backfill(source: string, options: BackfillOptions, signal: AbortSignal): Promise<readonly string[]> {
    return await this.#source(source).backfill(options, signal)
  }

  async verify(request: VerifyRequest, events: VerifyEvents, signal: AbortSignal): Promise<VerifyReport> {
    const sink = this.#sink(request.sink)
    if (this.#verified.has(sink)) throw verifyBusy(sink.name)
    this.#verified.add(sink)
    try {
      return await verifySink(sink, request, events, signal)
    } finally {
      this.#verified.delete(sink)
    }
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

  stop(): Promise<void> {
    this.#stopping ??= this.#stop()
    return this.#stopping
  }

  async #stop(): Promise<void> {
    await Promise.all(this.#sources.map(source => source.supervisor.stop()))
    await Promise.all(this.#sinks.map(sink => sink.supervisor.stop()))
    await this.#logs.disposeAsync()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  #part(part: Part): SourcePart | SinkPart {
    return 'source' in part ? this.#source(part.source) : this.#sink(part.sink)
  }

  #source(name: string): SourcePart {
    const source = this.#sources.find(part => part.name === name)
    if (source !== undefined) return source
    throw new TailraceError('UNKNOWN_SOURCE', 'stop', `There is no source "${name}".`, {
      hint: `The sources are ${this.sources().join(', ')}.`,
    })
  }

  #sink(name: string): SinkPart {
    const sink = this.#sinks.find(part => part.name === name)
    if (sink !== undefined) return sink
    throw new TailraceError('UNKNOWN_SINK', 'stop', `There is no sink "${name}".`, {
      hint: `The sinks are ${this.sinks().join(', ')}.`,
    })
  }
}

function verifyBusy(sink: string): TailraceError {
  return new TailraceError('VERIFY_BUSY', 'stop', `The sink ${sink} is being compared already.`, {
    hint: 'Wait until that is done, or end it.',
  })
}

interface Judged {
  readonly name: string
  readonly state: string
  readonly phase: string
  readonly error: { readonly code: string } | null
  readonly tables?: SourceStatus['tables']
}

/** Red: something failed. Yellow: something waits, is paused, loads, builds, or runs with an error to look at. */
function judge(parts: readonly Judged[]): { health: Health; reasons: string[] } {
  const red: string[] = []
  const yellow: string[] = []
  for (const { name, state, phase, error, tables = [] } of parts) {
    const why = error === null ? '' : ` (${error.code})`
    if (state === 'failed') red.push(`${name} failed${why}`)
    else if (state !== 'running') yellow.push(`${name} is ${state}${why}`)
    else if (error !== null) yellow.push(`${name}: ${error.code}`)
    else if (phase !== 'streaming' && phase !== 'live') yellow.push(`${name} is ${phase}`)
    for (const { table, state: load, error: trouble } of tables)
      if (trouble !== null) (load === 'failed' ? red : yellow).push(`the load of ${table}: ${trouble.code}`)
  }
  return { health: red.length > 0 ? 'red' : yellow.length > 0 ? 'yellow' : 'green', reasons: [...red, ...yellow] }
}
