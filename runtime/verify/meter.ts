import { Rate } from '../lag.ts'
import type { VerifyEvents } from '../verify-report.ts'

const TELL_MS = 500

/** Tells how one walk gets on, now and then. */
export class Meter {
  readonly #table: string
  readonly #walk: 'source' | 'sink'
  readonly #totalRows: number | null
  readonly #events: VerifyEvents
  readonly #rate = new Rate()
  #rows = 0
  #toldAt = Number.NEGATIVE_INFINITY

  constructor(table: string, walk: 'source' | 'sink', totalRows: number | null, events: VerifyEvents) {
    this.#table = table
    this.#walk = walk
    this.#totalRows = totalRows
    this.#events = events
    this.#rate.add(0)
  }

  /** `differences`: found so far, in all tables. */
  async add(rows: number, differences: number): Promise<void> {
    this.#rows += rows
    this.#rate.add(this.#rows)
    const now = performance.now()
    if (now - this.#toldAt < TELL_MS) return
    this.#toldAt = now
    const rate = this.#rate.perSecond
    const totalRows = this.#totalRows === null ? null : Math.max(this.#totalRows, this.#rows)
    const etaSeconds = totalRows === null || rate === null || rate <= 0 ? null : (totalRows - this.#rows) / rate
    const [table, walk] = [this.#table, this.#walk]
    await this.#events.progress({ table, walk, rows: this.#rows, totalRows, rate, etaSeconds, differences })
  }
}
