import type { LoggedChange, SourceLog } from '../contract.ts'
import type { Need } from './plan.ts'

type Newest = NonNullable<SourceLog['newest']>

/** Rows that may be in memory ahead of the one at hand, and how many look-ups at once. */
const BYTES = 4 * 1024 * 1024
const KEYS = 1024

/** How large rows are, by table: the largest seen. Rows of a table not seen yet are asked for one by one. */
export class RowSizes {
  readonly #largest = new Map<string, number>()

  /** Bytes to reckon with. */
  of(table: string): number {
    return this.#largest.get(table) ?? BYTES
  }

  saw(change: LoggedChange): void {
    const { name } = change.table
    this.#largest.set(name, Math.max(change.cells.length, this.#largest.get(name) ?? 1))
  }
}

/** Looks the log's rows up for the needs of a batch, some ahead, as their sizes allow. */
export class LookAhead {
  readonly #needs: readonly Need[]
  readonly #newest: (need: Need) => Promise<LoggedChange | undefined>
  readonly #sizes: RowSizes
  readonly #found = new Map<number, LoggedChange | undefined>()

  /** `within`: a unit that began in an earlier batch has rows that are not durable yet. */
  constructor(newest: Newest, needs: readonly Need[], sizes: RowSizes, within: 'durable' | 'appended') {
    this.#needs = needs
    this.#newest = ({ table, key }) => newest(table, key, within)
    this.#sizes = sizes
  }

  /** The newest change of that need's key before the batch. Asked once, in order. */
  async take(i: number): Promise<LoggedChange | undefined> {
    if (!this.#found.has(i)) await this.#load(i)
    const change = this.#found.get(i)
    this.#found.delete(i)
    return change
  }

  async #load(from: number): Promise<void> {
    const chosen: number[] = []
    let room = BYTES
    for (let i = from; i < this.#needs.length && chosen.length < KEYS; i++) {
      const need = this.#needs[i]!
      if (need.former !== 'log') continue
      room -= this.#sizes.of(need.table.name)
      if (room < 0 && chosen.length > 0) break
      chosen.push(i)
    }
    const changes = await Promise.all(chosen.map(i => this.#newest(this.#needs[i]!)))
    for (const [place, i] of chosen.entries()) {
      const change = changes[place]
      if (change !== undefined) this.#sizes.saw(change)
      this.#found.set(i, change)
    }
  }
}
