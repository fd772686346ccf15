import { abortable } from './abort.ts'
import { TailraceError } from './errors.ts'

/**
 * What one part owns and others use meanwhile. Before the owner gives it up, who uses it is told to stop and waited for.
 */
export class Lent<T> implements AsyncDisposable {
  readonly #thing: T
  readonly #reason: () => unknown
  readonly #ending = new AbortController()
  readonly #uses = new Set<Promise<unknown>>()

  /** `reason`: what those are told who use it when it ends. */
  constructor(thing: T, reason: () => unknown) {
    this.#thing = thing
    this.#reason = reason
  }

  /** The signal that the work is given ends it when the thing goes, and when `signal` aborts. */
  async use<R>(work: (thing: T, signal: AbortSignal) => Promise<R>, signal: AbortSignal): Promise<R> {
    const either = AbortSignal.any([signal, this.#ending.signal])
    either.throwIfAborted()
    const use = work(this.#thing, either)
    this.#uses.add(use)
    try {
      return await abortable(use, either)
    } finally {
      use.catch(() => {}).finally(() => this.#uses.delete(use))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort(this.#reason())
    await Promise.allSettled(this.#uses)
  }
}

/** A part as its errors name it. */
interface Part {
  readonly name: string
  readonly state: string
  readonly error: TailraceError | undefined
}

export function notRunning({ name, state }: Part): TailraceError {
  const how = state === 'running' ? 'loads' : `is ${state}`
  return new TailraceError('PART_NOT_RUNNING', 'stop', `The ${name} ${how}.`, {
    hint: 'tailrace status says why; tailrace wait returns once everything runs and is applied.',
  })
}

/** What those are told who use a part when it ends. */
export function stopped({ name, error }: Part): TailraceError {
  const why = error === undefined ? '' : ` (${error.code})`
  return new TailraceError('PART_STOPPED', 'stop', `The ${name} has stopped meanwhile${why}.`, {
    hint: 'tailrace status says why. Once it runs again, ask again.',
  })
}
