import type { GenerateConfig } from './config.ts'
import type { Workload } from './workload.ts'

/** Commits of `max` are a microsecond a change apart from here, so that the bytes are the same each time. */
const EPOCH = BigInt(Date.UTC(2026, 0, 1)) * 1000n

/** Which transactions the imagined server has committed by now, and when: it begins behind `after`, at once. */
export class CommitClock {
  readonly #workload: Workload
  readonly #rate: number
  readonly #firstChange: number
  readonly #startedAt = performance.now()
  readonly #startedWall = BigInt(Date.now()) * 1000n

  constructor(config: GenerateConfig, workload: Workload, after: number) {
    this.#workload = workload
    this.#rate = config.rate === 'max' ? Number.POSITIVE_INFINITY : config.rate
    this.#firstChange = workload.start(after + 1)
  }

  /** The newest transaction committed; infinite for an endless workload at full speed. */
  newest(): number {
    if (this.#rate === Number.POSITIVE_INFINITY) return this.#workload.last
    const changes = this.#firstChange + ((performance.now() - this.#startedAt) * this.#rate) / 1000
    return this.#workload.wholeWithin(Math.floor(changes))
  }

  /** Milliseconds until this transaction commits; 0 if it has. */
  until(transaction: number): number {
    const due = ((this.#workload.start(transaction + 1) - this.#firstChange) * 1000) / this.#rate
    return Math.max(0, due - (performance.now() - this.#startedAt))
  }

  /** Microseconds since 1970. */
  commitTime(transaction: number): bigint {
    const change = this.#workload.start(transaction + 1)
    if (this.#rate === Number.POSITIVE_INFINITY) return EPOCH + BigInt(change)
    return this.#startedWall + BigInt(Math.floor(((change - this.#firstChange) * 1_000_000) / this.#rate))
  }
}
