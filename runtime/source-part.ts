import type { Logger } from 'pino'
import { Bell } from './abort.ts'
import type { Cursor, LoadProgress, Position, Source, SourceLog, Table } from './contract.ts'
import { lookupUnsupported } from './ingest/load.ts'
import type { LoadState, Loads } from './ingest/loads.ts'
import { ingest } from './ingest.ts'
import { progress, Rate, SourceLag } from './lag.ts'
import { Lent, notRunning, stopped } from './lent.ts'
import type { SourceConfig } from './pipeline-config.ts'
import { isResynced } from './resynced.ts'
import { backfill, unknownTable } from './source-part/backfill.ts'
import { incompleteRows, logFull } from './source-part/log-errors.ts'
import { loadsProgress, tableStatuses, totalRowsOf, wholeLoads } from './source-part/tables.ts'
import type { BackfillOptions, Progress, SourceStatus } from './status.ts'
import { statusError } from './status-error.ts'
import { Supervisor, type Work } from './supervisor.ts'

type Lane = Pick<LoadProgress, 'done' | 'rows' | 'totalRows'>

export interface SourcePlace {
  readonly pipeline: string
  /** The folder of the source's log. */
  readonly folder: string
  readonly logger: Logger
}

/** One source with its log: its supervised ingest and what status tells of it. */
export class SourcePart implements AsyncDisposable {
  readonly name: string
  readonly log: SourceLog
  readonly supervisor: Supervisor
  #config: SourceConfig
  readonly #place: SourcePlace
  readonly #lag = new SourceLag()
  readonly #rate = new Rate()
  /** Of loads before the stream, and what was known at the start. */
  readonly #lanes = new Map<string, Lane>()
  /** Of all of them. */
  #loadedRows = 0
  #source: Source | undefined
  #lent: Lent<Source> | undefined
  #lineageFrom = 0n
  /** Those beside the stream; of the last attempt while there is none. */
  #loads: Loads | undefined
  #isStreaming = false
  /** The loads are those of this attempt. */
  #areLoadsKnown = false
  readonly #streams = new Bell()
  /** A person wants a new stream where the old one cannot go on. Until something of it is durable. */
  #isResync: boolean
  /** Code of what the stream of before ended with, while it is resynced. */
  #failed: string | undefined
  #position: string | null = null

  /** `isResync`: as `backfill` with `resnapshot` of a source that cannot go on. */
  constructor(config: SourceConfig, log: SourceLog, place: SourcePlace, isResync = false) {
    this.name = config.name
    this.log = log
    this.#config = config
    this.#place = place
    this.#isResync = isResync
    this.supervisor = new Supervisor(`source ${config.name}`, place.logger, work => this.#work(work))
  }

  /** For its next start. */
  configure(config: SourceConfig): void {
    this.#config = config
  }

  /** All of its tables have been read once. */
  get isStreaming(): boolean {
    return this.#isStreaming
  }

  get phase(): SourceStatus['phase'] {
    if (!this.#isStreaming) return 'loading'
    const isResyncing = wholeLoads(this.#states()).some(({ kind }) => kind === 'resync')
    return isResyncing || (this.#isResync && this.#source !== undefined) ? 'resyncing' : 'streaming'
  }

  async #work(work: Work): Promise<void> {
    const { pipeline, folder, logger } = this.#place
    const context = { pipeline, name: this.name, logger, folder }
    const sampling = new AbortController()
    await using source = await this.#config.plugin.open(this.#config.options, context)
    await using lent = new Lent(source, () => stopped(this.supervisor))
    try {
      this.#source = source
      this.#lent = lent
      this.#areLoadsKnown = false
      await ingest(source, this.log, this.#events(source, sampling.signal), work, {
        logger,
        resync: this.#isResync,
        failed: this.#failed,
      })
    } finally {
      this.#source = undefined
      this.#lent = undefined
      sampling.abort()
    }
  }

  #events(source: Source, sampling: AbortSignal): Parameters<typeof ingest>[2] {
    return {
      started: (resume, loads) => {
        this.#isStreaming = resume?.stream !== undefined
        this.#position = resume?.stream ?? null
        this.#lineageFrom = resume?.lineageFrom ?? 0n
        this.#lanes.clear()
        for (const [table, lane] of resume?.loads ?? []) this.#lanes.set(table, lane)
        for (const { table, estimatedRows, beside } of loads)
          if (!beside) this.#lanes.set(table.name, { rows: 0, totalRows: estimatedRows, done: false })
        this.#loadedRows = [...this.#lanes.values()].reduce((sum, { rows }) => sum + rows, 0)
        if (loads.length > 0 && resume !== undefined && !this.#isStreaming)
          this.#place.logger.warn(
            { source: this.name, tables: loads.length },
            'the first load was interrupted before: what is left of it is read',
          )
        this.#lag.sample(source, sampling)
      },
      loaded: (table, rows, totalRows, done) => {
        this.#loadedRows += rows - (this.#lanes.get(table)?.rows ?? 0)
        this.#lanes.set(table, { rows, totalRows, done })
        this.#rate.add(this.#loadedRows)
      },
      streaming: loads => {
        this.#isStreaming = true
        this.#loads = loads
        this.#areLoadsKnown = true
        this.#streams.ring()
      },
      durable: position => {
        this.#isResync = false
        this.#failed = undefined
        this.#position = position
        this.#lag.durable(position, source)
      },
    }
  }

  /**
   * Lends the source while it streams, until it ends: then the signal given to `work` aborts. Throws PART_NOT_RUNNING.
   */
  async use<R>(work: (source: Source, signal: AbortSignal) => Promise<R>, signal: AbortSignal): Promise<R> {
    if (this.#lent === undefined || !this.#isStreaming) throw notRunning(this.supervisor)
    return await this.#lent.use(work, signal)
  }

  /** Changes up to this version are of an earlier lineage. */
  get lineageFrom(): bigint {
    return this.#loads?.lineageFrom ?? this.#lineageFrom
  }

  #states(): Map<string, LoadState> {
    return this.#loads?.states() ?? new Map()
  }

  /** As RunningPipeline.backfill. */
  async backfill(options: BackfillOptions, signal: AbortSignal): Promise<readonly string[]> {
    const { supervisor, log } = this
    const error = supervisor.error
    if (options.resnapshot && supervisor.state === 'failed' && isResynced(error)) {
      await this.#resync(signal)
      return [...this.#states().keys()]
    }
    const [source, loads] = [this.#source, this.#loads]
    if (source === undefined || supervisor.state !== 'running' || !this.#isStreaming) throw notRunning(supervisor)
    if (loads === undefined) throw lookupUnsupported()
    return await backfill({ source, log, loads }, options)
  }

  /** Starts the failed source with a new stream; resolves when its loads are taken on. Throws why it fails again. */
  async #resync(signal: AbortSignal): Promise<void> {
    const before = this.#loads
    const { supervisor } = this
    this.#isResync = true
    this.#failed = supervisor.error?.code
    const restarted = supervisor.changed(signal)
    supervisor.resume()
    await restarted
    while (this.#loads === before) {
      const next = Promise.race([supervisor.changed(signal), this.#streams.wait(signal)])
      if (supervisor.state === 'failed') throw supervisor.error!
      await next
    }
  }

  /**
   * Has the rows of these keys go through the log once more, deletes of keys that the source has not, for a sink that lost
   * them. Answers the cursor behind them once they are durable. Throws PART_NOT_RUNNING, LOOKUP_UNSUPPORTED, UNKNOWN_TABLE
   * if it is not captured now, and what the source throws.
   */
  async rewrite(table: Table, keys: readonly Uint8Array[], signal: AbortSignal): Promise<Cursor> {
    const [source, loads] = [this.#source, this.#loads]
    if (source === undefined || !this.#isStreaming) throw notRunning(this.supervisor)
    if (loads === undefined || source.request === undefined) throw lookupUnsupported()
    const request = source.request(table.name, { kind: 'keys', keys }, false)
    if (request === undefined) throw unknownTable(table.name, [])
    const error = await loads.repair({ ...request, repair: true }, signal)
    if (error !== undefined) throw error
    return this.log.end()!
  }

  /** The table is being read: the log and the sinks may not have all of it yet. */
  isLoading(table: string): boolean {
    const load = this.#states().get(table)
    return load !== undefined && load.kind !== 'repair'
  }

  /** Tries again what has failed. */
  resume(): void {
    this.supervisor.resume()
    this.#loads?.retry()
  }

  /**
   * The cursor behind everything committed at the source before the call, and behind all loads under way. Waits for the
   * first load, and for a source that is down.
   */
  async reached(signal: AbortSignal): Promise<Cursor> {
    let position: Position | undefined
    for (;;) {
      const attempt = new AbortController()
      const either = AbortSignal.any([signal, attempt.signal])
      const changed = this.supervisor.changed(either).then(() => undefined)
      changed.catch(() => {})
      try {
        const source = this.#source
        if (source === undefined || this.supervisor.state !== 'running') await changed
        else {
          position ??= (await source.head(signal)).position
          source.hasten(position, either)
          const reached = this.log.reached(position, (a, b) => source.covers(a, b), either)
          reached.catch(() => {})
          const loaded = this.#loaded(reached, either)
          loaded.catch(() => {})
          const cursor = await Promise.race([loaded, changed])
          if (cursor !== undefined) return cursor
        }
      } finally {
        attempt.abort()
      }
    }
  }

  async #loaded(reached: Promise<Cursor>, signal: AbortSignal): Promise<Cursor> {
    const cursor = await reached
    while (!this.#areLoadsKnown) await this.#streams.wait(signal)
    if (wholeLoads(this.#states()).length === 0) return cursor
    await this.#loads!.settled(signal)
    return this.log.end() ?? cursor
  }

  async status(): Promise<Omit<SourceStatus, 'cleansing'>> {
    const { start, end, bytes, records, diskFreeBytes, full, index } = await this.log.stats()
    const head = this.#lag.head
    const loads = this.#states()
    const { supervisor } = this
    return {
      type: this.#config.plugin.type,
      state: full && supervisor.state === 'running' ? 'waiting' : supervisor.state,
      since: supervisor.since,
      phase: this.phase,
      position: this.#position,
      lag: { bytes: head?.lagBytes ?? null, seconds: this.#isStreaming ? this.#lag.seconds : null },
      retained: head?.retained ?? { bytes: null, limitBytes: null, fullInSeconds: null },
      progress: this.#progress(),
      tables: tableStatuses({
        isLoading: !this.#isStreaming,
        names: [...this.#lanes.keys(), ...[...this.log.tables().values()].map(table => table.name), ...loads.keys()],
        loads,
        lane: table => this.#loads?.lane(table) ?? this.#lanes.get(table),
        index,
        stale: this.#source?.staleness?.(),
      }),
      log: {
        start: start ?? null,
        end: end ?? null,
        bytes,
        records,
        diskFreeBytes,
        index: index === undefined ? null : { state: index.state, behindBytes: index.behindBytes },
      },
      error: full ? logFull(bytes) : (statusError(supervisor.error) ?? incompleteRows(index)),
    }
  }

  /** Ends its work and closes its log. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.supervisor.stop()
    await this.log[Symbol.asyncDispose]()
  }

  #progress(): Progress | null {
    if (this.#isStreaming) return loadsProgress(this.#states())
    if (this.#lanes.size === 0) return null
    return progress(this.#loadedRows, totalRowsOf(this.#lanes.values()), this.#rate.perSecond)
  }
}
