import type { Logger } from 'pino'
import { Bell, sleep } from './abort.ts'
import { Backoff } from './backoff.ts'
import { errorMessage, isTailraceError, TailraceError } from './errors.ts'
import { redact } from './logger.ts'
import type { PartState } from './status.ts'

/** How long work under way may take to end in good order before it is cut off. */
export const DRAIN_MS = 10_000

/** What a part's work is given: when to end at once, when to end in good order, and how to say that it runs. */
export interface Work {
  /** Ends the work at once. */
  readonly signal: AbortSignal
  /** Ends it after what is under way; comes before `signal`. */
  readonly drain: AbortSignal
  running(): void
}

/**
 * Runs the work of one part for ever: the only place that retries. An error with recovery `retry`, and every error not
 * raised by Tailrace, is answered with a growing pause and a new attempt; any other leaves the part `failed` until
 * `resume`. Nothing here reaches another part.
 */
export class Supervisor {
  readonly name: string
  /** Settles with the first attempt: resolves once the work runs, waits or is paused, rejects if it failed for good. */
  readonly started: Promise<void>
  /** Resolves with an error that the whole process must end with. */
  readonly fatal: Promise<TailraceError>
  readonly #logger: Logger
  readonly #work: (work: Work) => Promise<void>
  readonly #stop = new AbortController()
  readonly #wake = new Bell()
  readonly #changed = new Bell()
  readonly #settled = Promise.withResolvers<void>()
  readonly #fatal = Promise.withResolvers<TailraceError>()
  #attempt: { drain: AbortController; abort: AbortController } | undefined
  #state: PartState = 'starting'
  #since = new Date()
  #error: TailraceError | undefined
  #paused = false
  #loop: Promise<void> | undefined

  constructor(name: string, logger: Logger, work: (work: Work) => Promise<void>) {
    this.name = name
    this.#logger = logger
    this.#work = work
    this.started = this.#settled.promise
    this.started.catch(() => {})
    this.fatal = this.#fatal.promise
  }

  get state(): PartState {
    return this.#state
  }

  get since(): string {
    return this.#since.toISOString()
  }

  get error(): TailraceError | undefined {
    return this.#error
  }

  start(paused: boolean): void {
    this.#paused = paused
    this.#loop = this.#run()
  }

  /** Ends the work; `resume` begins it anew. */
  async pause(): Promise<void> {
    this.#paused = true
    const attempt = this.#attempt
    attempt?.drain.abort(stopped())
    const timer = setTimeout(() => attempt?.abort.abort(stopped()), DRAIN_MS)
    while (this.#state !== 'paused' && !this.#stop.signal.aborted) {
      const changed = this.changed(this.#stop.signal)
      this.#wake.ring()
      await changed.catch(() => {})
    }
    clearTimeout(timer)
  }

  resume(): void {
    this.#paused = false
    this.#wake.ring()
  }

  /** Resolves when the state changes next. */
  changed(signal: AbortSignal): Promise<void> {
    return this.#changed.wait(signal)
  }

  /** Lets the work end in good order for at most DRAIN_MS, then ends it at once. */
  async stop(): Promise<void> {
    const attempt = this.#attempt
    this.#stop.abort(stopped())
    attempt?.drain.abort(stopped())
    const timer = setTimeout(() => attempt?.abort.abort(stopped()), DRAIN_MS)
    await this.#loop
    clearTimeout(timer)
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop
    const backoff = new Backoff()
    while (!signal.aborted) {
      if (this.#paused) {
        this.#become('paused')
        this.#settled.resolve()
        await this.#wake.wait(signal).catch(() => {})
        continue
      }
      this.#become('starting')
      const began = Date.now()
      const error = await this.#once()
      if (signal.aborted || (this.#paused && error === undefined)) continue
      if (error === undefined) throw new Error(`${this.name} ended without being asked to`)
      const ran = Date.now() - began
      if (isFatal(error)) this.#fatal.resolve(error)
      if (error.recovery === 'retry') {
        this.#become('waiting', error)
        this.#settled.resolve()
        const pause = backoff.pause(ran)
        this.#logger.warn({ part: this.name, err: error, retryInMs: pause }, 'trying again')
        await Promise.race([sleep(pause, signal), this.#wake.wait(signal)]).catch(() => {})
      } else {
        this.#logger.error({ part: this.name, err: error }, 'failed')
        this.#become('failed', error)
        this.#settled.reject(error)
        await this.#wake.wait(signal).catch(() => {})
        backoff.reset()
      }
    }
    this.#become('stopped', this.#error)
    this.#settled.resolve()
  }

  /** One attempt; the error that ended it, or undefined if it ended because it was asked to. */
  async #once(): Promise<TailraceError | undefined> {
    const attempt = { drain: new AbortController(), abort: new AbortController() }
    this.#attempt = attempt
    try {
      await this.#work({
        signal: attempt.abort.signal,
        drain: attempt.drain.signal,
        running: () => {
          this.#become('running')
          this.#settled.resolve()
        },
      })
      return undefined
    } catch (error) {
      return attempt.drain.signal.aborted && isStopped(error) ? undefined : known(error)
    } finally {
      this.#attempt = undefined
    }
  }

  #become(state: PartState, error?: TailraceError): void {
    if (state !== 'starting') this.#error = error
    if (state !== this.#state) {
      this.#since = new Date()
      this.#logger.debug({ part: this.name, state }, 'state')
    }
    this.#state = state
    this.#changed.ring()
  }
}

const STOPPED = 'STOPPED'

function stopped(): TailraceError {
  return new TailraceError(STOPPED, 'stop', 'The part was asked to stop.')
}

function isStopped(error: unknown): boolean {
  return isTailraceError(error) && error.code === STOPPED
}

/** The whole process ends: going on could lose what it promised. */
function isFatal(error: TailraceError): boolean {
  return error.code === 'LOG_DAMAGED' || error.code === 'LOG_FSYNC'
}

/** What Tailrace did not raise itself is retried, loudly. */
export function known(error: unknown): TailraceError {
  if (isTailraceError(error)) return error
  return new TailraceError('UNEXPECTED', 'retry', redact(errorMessage(error)), {
    cause: error,
    hint: 'Tailrace goes on trying. If it does not mend itself, report it with the log lines around it.',
  })
}
