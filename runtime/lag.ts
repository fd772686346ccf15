import type { Position, Source, SourceHead } from './contract.ts'
import type { Progress } from './status.ts'

const SAMPLE_MS = 1000
/** Samples that wait to be covered; older ones are thinned out, which only makes the lag coarser. */
const MOST_SAMPLES = 1000

interface Sample {
  readonly position: Position
  readonly at: number
}

/**
 * How far the log is behind its source: the server's head is sampled every second, and the lag is the age of the newest
 * sample that the durable position covers. So it grows while the source is dead and is small while it is idle.
 */
export class SourceLag {
  #waiting: Sample[] = []
  #coveredAt: number | undefined
  #head: SourceHead | undefined
  #durable: Position | undefined
  #timer: NodeJS.Timeout | undefined
  #sampling = false

  get head(): SourceHead | undefined {
    return this.#head
  }

  /** Seconds; null before the first sample was covered. */
  get seconds(): number | null {
    return this.#coveredAt === undefined ? null : Math.max(0, Date.now() - this.#coveredAt) / 1000
  }

  /** Samples until the signal aborts. A source that does not answer is not an error here: the lag grows. */
  sample(source: Source, signal: AbortSignal): void {
    const once = async (): Promise<void> => {
      if (this.#sampling) return
      this.#sampling = true
      try {
        const at = Date.now()
        this.#head = await source.head(signal)
        this.#waiting.push({ position: this.#head.position, at })
        if (this.#durable !== undefined) this.durable(this.#durable, source)
        if (this.#waiting.length > MOST_SAMPLES) this.#waiting = this.#waiting.filter((_, i) => i % 2 === 0)
      } catch {
        this.#head = undefined
      } finally {
        this.#sampling = false
      }
    }
    this.#timer = setInterval(() => void once(), SAMPLE_MS)
    this.#timer.unref()
    signal.addEventListener('abort', () => clearInterval(this.#timer), { once: true })
    void once()
  }

  durable(position: Position, source: Source): void {
    this.#durable = position
    let covered = 0
    while (covered < this.#waiting.length && source.covers(position, this.#waiting[covered]!.position)) covered++
    if (covered === 0) return
    this.#coveredAt = this.#waiting[covered - 1]!.at
    this.#waiting.splice(0, covered)
  }
}

/** Rows a second over the last few seconds. */
export class Rate {
  readonly #points: { at: number; rows: number }[] = []

  add(rows: number): void {
    const at = Date.now()
    const last = this.#points.at(-1)
    if (last !== undefined && at - last.at < 100) last.rows = rows
    else this.#points.push({ at, rows })
    while (this.#points.length > 2 && at - this.#points[0]!.at > 5000) this.#points.shift()
  }

  get perSecond(): number | null {
    const [first] = this.#points
    const last = this.#points.at(-1)
    if (first === undefined || last === undefined || last.at === first.at) return null
    return ((last.rows - first.rows) * 1000) / (last.at - first.at)
  }
}

export function progress(rows: number, totalRows: number | null, rate: number | null): Progress {
  const left = totalRows === null ? null : Math.max(0, totalRows - rows)
  return { rows, totalRows, rate, etaSeconds: left === null || rate === null || rate <= 0 ? null : left / rate }
}

/** Age of the oldest commit not yet applied; 0 with nothing to apply, null where its time is not known. */
export function oldest(
  seconds: number | null,
  lag: { records: number | null; oldestCommitTime?: bigint },
): number | null {
  if (lag.records === 0 || seconds === null) return seconds
  if (lag.oldestCommitTime === undefined) return null
  return Math.max(seconds, Number(BigInt(Date.now()) * 1000n - lag.oldestCommitTime) / 1e6)
}
