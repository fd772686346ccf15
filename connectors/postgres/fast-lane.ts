/**
 * How long the first load may go on under the exported snapshot. It reads fastest, but it holds back vacuum in the whole
 * database and keeps all log since the slot was made: ten minutes of both every server bears. What is left is read beside
 * the stream.
 */
const LIMIT_MS = 10 * 60_000
/** From then on its rate tells how long it will take, and with this much left the ten minutes are not worth waiting for. */
const LOOK_MS = 60_000
const HOPELESS_MS = 60 * 60_000

/** The time that all loads under one exported snapshot share. */
export class FastLane {
  readonly #begun = performance.now()
  readonly #totalBytes: number
  readonly #limitMs: number
  #readBytes = 0

  /** `totalBytes`: of all tables that are loaded, as far as it is known. */
  constructor(totalBytes: number, limitMs = LIMIT_MS) {
    this.#totalBytes = totalBytes
    this.#limitMs = limitMs
  }

  read(bytes: number): void {
    this.#readBytes += bytes
  }

  /** No further range is to be begun. */
  get isOver(): boolean {
    const elapsed = performance.now() - this.#begun
    if (elapsed >= this.#limitMs) return true
    if (elapsed < LOOK_MS || this.#readBytes === 0) return false
    return (elapsed / this.#readBytes) * (this.#totalBytes - this.#readBytes) > HOPELESS_MS
  }
}
