import type { Logger } from 'pino'
import { Bell } from '../abort.ts'
import type { LoadProgress, LoadRequest } from '../contract.ts'
import type { TailraceError } from '../errors.ts'
import { beginLoad, type LoadPlace, runKeys, runLoad } from './load.ts'
import { acceptedJob, endJob, type Job, told } from './load-job.ts'

/** Tables that are read at the same time. */
const MOST = 2

/** How a table's load beside the stream stands. `waiting`: for another load, or after an error. */
export interface LoadState {
  readonly kind: 'load' | 'resync' | 'repair'
  readonly state: 'waiting' | 'running' | 'failed'
  readonly rows: number
  readonly totalRows: number | null
  readonly rate: number | null
  readonly error: TailraceError | undefined
}

interface Repair {
  readonly request: LoadRequest
  isRunning: boolean
  settle(error: TailraceError | undefined): void
}

/**
 * The loads beside the stream: one of a table at a time, a few tables at once. What was begun goes on after a restart. A
 * load that fails does not touch the stream: it is tried again with growing pauses, or waits for a person.
 */
export class Loads {
  readonly #place: LoadPlace
  readonly #logger: Logger
  readonly #jobs = new Map<string, Job>()
  readonly #repairs = new Map<string, Repair>()
  readonly #repairErrors = new Map<string, TailraceError>()
  readonly #changed = new Bell()
  /** Not yet durable. */
  readonly #expected: readonly Job[]
  #adding: Promise<void> = Promise.resolve()
  #running = 0

  /** `expected`: taken on once the log has something of the stream; until then they wait with the others. */
  constructor(place: LoadPlace, logger: Logger, expected: readonly LoadRequest[]) {
    this.#place = place
    this.#logger = logger
    this.#expected = expected.map(acceptedJob)
    for (const job of this.#expected) this.#jobs.set(job.request.table.name, job)
  }

  /** By table name. */
  states(): Map<string, LoadState> {
    const states = new Map<string, LoadState>()
    for (const [table, error] of this.#repairErrors) states.set(table, repairState('waiting', error))
    for (const [table, { isRunning }] of this.#repairs)
      states.set(table, repairState(isRunning ? 'running' : 'waiting', this.#repairErrors.get(table)))
    for (const [table, { request, progress, state, rate, error }] of this.#jobs) {
      const { rows, totalRows } = progress
      states.set(table, {
        kind: request.sweep === true ? 'resync' : 'load',
        state: state === 'running' || state === 'failed' ? state : 'waiting',
        rows,
        totalRows,
        rate: state === 'running' ? rate.perSecond : null,
        error,
      })
    }
    return states
  }

  /** As in Resume, now. */
  get lineageFrom(): bigint {
    return this.#place.writer.lineageFrom
  }

  /** The last progress of the table's lane that is durable. */
  lane(table: string): LoadProgress | undefined {
    return this.#place.writer.lane(table)
  }

  /** A load of the whole table is under way, or waits. */
  has(table: string): boolean {
    return this.#jobs.has(table)
  }

  /**
   * Takes a load on: durable when it resolves. One of the same table that has not ended begins anew with it, and sweeps
   * if either does.
   */
  add(request: LoadRequest, isUnlimited = false): Promise<void> {
    return this.#inTurn(() => this.#add(request, isUnlimited))
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#adding.then(work)
    this.#adding = done.catch(() => {})
    return done
  }

  async #add(wanted: LoadRequest, isUnlimited: boolean): Promise<void> {
    const { name } = wanted.table
    const old = this.#jobs.get(name)
    if (old !== undefined) await endJob(old)
    const isSwept = wanted.sweep === true || old?.request.sweep === true
    const job = acceptedJob(isSwept ? { ...wanted, sweep: true } : wanted)
    this.#jobs.set(name, job)
    await this.#begin(job, isUnlimited)
  }

  async #begin(job: Job, isUnlimited: boolean): Promise<void> {
    const { table, sweep, resume } = job.request
    if (this.#jobs.get(table.name) !== job) return
    // Evidence begins with the first row: what was read without is read again.
    if (sweep === true ? resume?.pass === undefined : resume === undefined)
      await beginLoad(job, this.#place, isUnlimited)
    job.state = 'queued'
    this.#changed.ring()
  }

  /** A sweep that was stopped because it would delete too much goes on without asking. False: there is none. */
  allow(table: string): boolean {
    const job = this.#jobs.get(table)
    const pass = job?.progress.pass
    if (job === undefined || pass === undefined || job.error?.code !== 'RESYNC_TOO_MANY_DELETES') return false
    job.progress = { ...job.progress, pass: { ...pass, isUnlimited: true } }
    this.#again(job)
    return true
  }

  /** Loads that failed are tried again. */
  retry(): void {
    for (const job of this.#jobs.values()) if (job.state === 'failed' || job.state === 'resting') this.#again(job)
  }

  /**
   * Reads these keys and merges them, one request of a table after the other, and not while the table is loaded. Answers
   * the error that it ended with.
   */
  async repair(request: LoadRequest, signal: AbortSignal): Promise<TailraceError | undefined> {
    const { name } = request.table
    while (this.#repairs.has(name)) await this.#changed.wait(signal)
    return await new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason)
      const onAbort = (): void => reject(signal.reason)
      signal.addEventListener('abort', onAbort, { once: true })
      const settle = (error: TailraceError | undefined): void => {
        signal.removeEventListener('abort', onAbort)
        this.#repairs.delete(name)
        if (error === undefined) this.#repairErrors.delete(name)
        else this.#repairErrors.set(name, error)
        resolve(error)
      }
      this.#repairs.set(name, { request, isRunning: false, settle })
      this.#changed.ring()
    })
  }

  /** Resolves once the whole tables that are to be loaded now have been, also where that begins anew meanwhile. */
  async settled(signal: AbortSignal): Promise<void> {
    const asked = [...this.#jobs.keys()]
    while (asked.some(table => this.#jobs.has(table))) await this.#changed.wait(signal)
  }

  /** Works until its signal aborts, or throws what ends all ingest. Nothing goes on when it has ended. */
  async run(signal: AbortSignal): Promise<never> {
    const failed = Promise.withResolvers<never>()
    failed.promise.catch(() => {})
    const under = new Set<Promise<void>>()
    const start = (work: Promise<void>): Promise<void> => {
      this.#running++
      const ended = work.catch(failed.reject).finally(() => {
        this.#running--
        under.delete(ended)
        this.#changed.ring()
      })
      under.add(ended)
      return ended
    }
    try {
      await this.#place.position.known(signal)
      for (const job of this.#expected) await this.#inTurn(() => this.#begin(job, false))
      for (;;) {
        const changed = this.#changed.wait(signal)
        this.#startDue(signal, start)
        await Promise.race([changed, failed.promise])
      }
    } finally {
      for (const job of this.#jobs.values()) clearTimeout(job.timer)
      await Promise.all(under)
    }
  }

  #startDue(signal: AbortSignal, start: (work: Promise<void>) => Promise<void>): void {
    for (const job of this.#jobs.values()) {
      if (this.#running >= MOST) return
      const isRepaired = this.#repairs.get(job.request.table.name)?.isRunning === true
      if (job.state === 'queued' && !isRepaired) job.ended = start(this.#run(job, signal))
    }
    for (const [table, repair] of this.#repairs) {
      if (this.#running >= MOST) return
      if (!repair.isRunning && !this.#jobs.has(table)) void start(this.#runRepair(repair, signal))
    }
  }

  async #run(job: Job, signal: AbortSignal): Promise<void> {
    job.state = 'running'
    job.cancel = new AbortController()
    const began = Date.now()
    const { name } = job.request.table
    try {
      const telling = told(job, () => this.#changed.ring())
      const error = await runLoad(telling, this.#place, AbortSignal.any([signal, job.cancel.signal]))
      if (error !== undefined) this.#fail(job, error, Date.now() - began)
      else if (this.#jobs.get(name) === job) this.#jobs.delete(name)
    } catch (error) {
      if (!job.cancel.signal.aborted || signal.aborted) throw error
    }
  }

  async #runRepair(repair: Repair, signal: AbortSignal): Promise<void> {
    repair.isRunning = true
    repair.settle(await runKeys(repair.request, this.#place, signal))
  }

  #fail(job: Job, error: TailraceError, ranMs: number): void {
    const table = job.request.table.name
    job.error = error
    if (error.recovery === 'stop') {
      job.state = 'failed'
      this.#logger.error({ table, err: error }, 'the load of a table failed')
      return
    }
    const { pass: _, ...progress } = job.progress
    if (error.recovery === 'resnapshot') job.progress = { ...progress, rows: 0, state: '' }
    job.state = 'resting'
    const pause = job.backoff.pause(ranMs)
    this.#logger.warn({ table, err: error, retryInMs: pause }, 'the load of a table is tried again')
    job.timer = setTimeout(() => this.#again(job), pause)
  }

  /** As the source has the table now: it may be another version, or not captured any more. */
  #again(job: Job): void {
    const { table, scope, sweep = false } = job.request
    clearTimeout(job.timer)
    const { request } = this.#place.source
    const now = request === undefined ? job.request : request.call(this.#place.source, table.name, scope, sweep)
    if (now === undefined) this.#jobs.delete(table.name)
    else {
      job.request = now
      job.state = 'queued'
    }
    this.#changed.ring()
  }
}

function repairState(state: LoadState['state'], error: TailraceError | undefined): LoadState {
  return { kind: 'repair', state, rows: 0, totalRows: null, rate: null, error }
}
