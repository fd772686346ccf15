/**
 * When to leave the socket alone for a while. The server writes one small packet per change; a reader that takes each
 * at once costs both sides a system call per change, one that rests lets them gather, and a backlog drains twice as
 * fast. Only a burst of short reads starts a rest, so a quiet stream is read at once.
 */
export class Pacing {
  readonly #restMs: number
  #windowStart = 0
  #shortReads = 0

  /** `restMs` 0: never rest. */
  constructor(restMs: number) {
    this.#restMs = restMs
  }

  /** Notes a read; answers how many milliseconds to rest now, mostly 0. `full`: the buffer was filled. */
  afterRead(full: boolean, now: number): number {
    if (full || this.#restMs === 0) return 0
    if (now - this.#windowStart > WINDOW_MS) {
      this.#windowStart = now
      this.#shortReads = 0
    }
    this.#shortReads++
    if (this.#shortReads < SHORT_READS) return 0
    this.#shortReads = 0
    return this.#restMs
  }
}

const WINDOW_MS = 10
/** More than a transaction of a few rows brings, which must not wait. A backlog brings as many in half a millisecond. */
const SHORT_READS = 16
