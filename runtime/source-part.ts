import type { Logger } from 'pino'
import type { Cursor, IndexStats, Position, Source, SourceLog } from './contract.ts'
import { TailraceError } from './errors.ts'
import { ingest } from './ingest.ts'
import { Rate, SourceLag } from './lag.ts'
import { Lent } from './lent.ts'
import type { SourceConfig } from './pipeline-config.ts'
import type { Progress, SourceStatus, TableStatus } from './status.ts'
import { statusError } from './status-error.ts'
import { Supervisor, type Work } from './supervisor.ts'

interface Load {
  rows: number
  totalRows: number | null
  done: boolean
}

export interface SourcePlace {
  readonly pipeline: string
  /** The folder of the source's log. */
  readonly folder: string
  readonly logger: Logger
}

/** One source with its log: its supervised ingest and what status tells of it. */
export class SourcePart {
  readonly name: string
  readonly log: SourceLog
  readonly supervisor: Supervisor
  readonly #config: SourceConfig
  readonly #place: SourcePlace
  readonly #lag = new SourceLag()
  readonly #rate = new Rate()
  readonly #loads = new Map<string, Load>()
  #source: Source | undefined
  #lent: Lent<Source> | undefined
  #lineageFrom = 0n
  #phase: 'loading' | 'streaming' = 'loading'
  #position: string | null = null

  constructor(config: SourceConfig, log: SourceLog, place: SourcePlace) {
    this.name = config.name
    this.log = log
    this.#config = config
    this.#place = place
    this.supervisor = new Supervisor(`source ${config.name}`, place.logger, work => this.#work(work))
  }

  get phase(): 'loading' | 'streaming' {
    return this.#phase
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
      await ingest(source, this.log, this.#events(source, sampling.signal), work)
    } finally {
      this.#source = undefined
      this.#lent = undefined
      sampling.abort()
    }
  }

  #events(source: Source, sampling: AbortSignal): Parameters<typeof ingest>[2] {
    return {
      started: (resume, loads) => {
        this.#phase = resume?.stream === undefined ? 'loading' : 'streaming'
        this.#position = resume?.stream ?? null
        this.#lineageFrom = resume?.lineageFrom ?? 0n
        this.#loads.clear()
        for (const { table, estimatedRows } of loads)
          this.#loads.set(table.name, { rows: 0, totalRows: estimatedRows, done: false })
        if (loads.length > 0 && resume !== undefined && resume.stream === undefined)
          this.#place.logger.warn(
            { source: this.name, tables: loads.length },
            'the first load was interrupted before: it starts again with a new slot',
          )
        this.#lag.sample(source, sampling)
      },
      loaded: (table, rows, totalRows, done) => {
        this.#loads.set(table, { rows, totalRows, done })
        this.#rate.add(this.#loadedRows())
      },
      streaming: () => {
        this.#phase = 'streaming'
      },
      durable: position => {
        this.#position = position
        this.#lag.durable(position, source)
      },
    }
  }

  /**
   * Lends the source while it streams, until it ends: then the signal given to `work` aborts. Throws PART_NOT_RUNNING.
   */
  async use<R>(work: (source: Source, signal: AbortSignal) => Promise<R>, signal: AbortSignal): Promise<R> {
    if (this.#lent === undefined || this.#phase === 'loading') throw notRunning(this.supervisor)
    return await this.#lent.use(work, signal)
  }

  /** Changes up to this version are of an earlier lineage. */
  get lineageFrom(): bigint {
    return this.#lineageFrom
  }

  #loadedRows(): number {
    let rows = 0
    for (const load of this.#loads.values()) rows += load.rows
    return rows
  }

  /**
   * The cursor behind everything committed at the source before the call. Waits for the first load, and for a source
   * that is down.
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
          const cursor = await Promise.race([reached, changed])
          if (cursor !== undefined) return cursor
        }
      } finally {
        attempt.abort()
      }
    }
  }

  async status(): Promise<SourceStatus> {
    const { start, end, bytes, records, diskFreeBytes, full, index } = await this.log.stats()
    const head = this.#lag.head
    const { supervisor } = this
    return {
      type: this.#config.plugin.type,
      state: full && supervisor.state === 'running' ? 'waiting' : supervisor.state,
      since: supervisor.since,
      phase: this.#phase,
      position: this.#position,
      lag: { bytes: head?.lagBytes ?? null, seconds: this.#phase === 'loading' ? null : this.#lag.seconds },
      retained: head?.retained ?? { bytes: null, limitBytes: null, fullInSeconds: null },
      progress: this.#progress(),
      tables: this.#tables(index),
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

  #progress(): Progress | null {
    if (this.#phase !== 'loading' || this.#loads.size === 0) return null
    let totalRows: number | null = 0
    for (const load of this.#loads.values())
      totalRows = load.totalRows === null || totalRows === null ? null : totalRows + load.totalRows
    return progress(this.#loadedRows(), totalRows, this.#rate.perSecond)
  }

  #tables(index: IndexStats | undefined): TableStatus[] {
    const names = new Set([...this.log.tables().values()].map(table => table.name))
    for (const name of this.#loads.keys()) names.add(name)
    return [...names].sort().map(table => {
      const load = this.#loads.get(table)
      const state = load === undefined || load.done ? 'streaming' : 'loading'
      return {
        table,
        state: this.#phase === 'loading' && state === 'streaming' ? 'loaded' : state,
        rows: load?.rows ?? null,
        estimatedRows: load?.totalRows ?? null,
        incomplete: index === undefined ? null : (index.incomplete.get(table) ?? 0),
      }
    })
  }
}

export function notRunning({ name, state }: Supervisor): TailraceError {
  const how = state === 'running' ? 'loads' : `is ${state}`
  return new TailraceError('PART_NOT_RUNNING', 'stop', `The ${name} ${how}.`, {
    hint: 'tailrace status says why; tailrace wait returns once everything runs and is applied.',
  })
}

/** What those are told who use a part when it ends. */
export function stopped({ name, error }: Supervisor): TailraceError {
  const why = error === undefined ? '' : ` (${error.code})`
  return new TailraceError('PART_STOPPED', 'stop', `The ${name} has stopped meanwhile${why}.`, {
    hint: 'tailrace status says why. Once it runs again, ask again.',
  })
}

export function progress(rows: number, totalRows: number | null, rate: number | null): Progress {
  const left = totalRows === null ? null : Math.max(0, totalRows - rows)
  return { rows, totalRows, rate, etaSeconds: left === null || rate === null || rate <= 0 ? null : left / rate }
}

/** The source goes on: what it did not send and the log does not know is missing in the sinks, which must be seen. */
function incompleteRows(index: IndexStats | undefined): SourceStatus['error'] {
  const tables = [...(index?.incomplete ?? [])].map(([table, rows]) => `${table} (${rows})`)
  if (tables.length === 0) return null
  return {
    code: 'ROW_INCOMPLETE',
    message: `Rows came without all of their columns, and the log does not know them: ${tables.join(', ')}.`,
    hint: 'The next change of the missing columns mends a row. REPLICA IDENTITY FULL makes the server send whole rows.',
  }
}

function logFull(bytes: number | null): SourceStatus['error'] {
  return {
    code: 'LOG_FULL',
    message: `The log is full${bytes === null ? '' : ` at ${bytes} bytes`}; the source waits and nothing is dropped.`,
    hint: 'Raise log.maxBytes or free disk space; the source goes on by itself.',
  }
}
