const FIRST_MS = 200
const LONGEST_MS = 30_000
/** Work that ran this long begins its pauses anew. */
const STEADY_MS = 60_000

/** Growing pauses between attempts. */
export class Backoff {
  #next = FIRST_MS

  /** Milliseconds until the next attempt. `ranMs`: how long the last one ran. */
  pause(ranMs: number): number {
    if (ranMs > STEADY_MS) this.reset()
    const pause = this.#next
    this.#next = Math.min(LONGEST_MS, pause * 2)
    return pause
  }

  reset(): void {
    this.#next = FIRST_MS
  }
}
