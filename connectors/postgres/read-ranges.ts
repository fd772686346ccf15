import { addPages, formatLoadState, type LeafPages, type LoadState } from './load-state.ts'
import type { Range } from './ranges.ts'

/**
 * Which ranges of a first load are done. A range counts once all of its rows are in a unit: those at hand, or one
 * before.
 */
export class ReadRanges {
  readonly #leaves = new Map<number, LeafPages>()
  /** By lane: ranges read to their end, whose last rows may still wait in that lane. */
  readonly #waiting = new Map<unknown, Range[]>()
  #open: number

  constructor(ranges: readonly Range[]) {
    this.#open = ranges.length
  }

  ended(lane: unknown, range: Range): void {
    const waiting = this.#waiting.get(lane) ?? []
    this.#waiting.set(lane, [...waiting, range])
  }

  /** All rows of this lane so far are on their way into the log. */
  taken(lane: unknown): void {
    for (const { part } of this.#waiting.get(lane) ?? []) {
      this.#open--
      if (part === undefined) continue
      const { leaf, pages } = part
      const known = this.#leaves.get(leaf.oid)?.pages ?? []
      this.#leaves.set(leaf.oid, { oid: leaf.oid, file: leaf.filenode, pages: addPages(known, pages) })
    }
    this.#waiting.delete(lane)
  }

  get areAll(): boolean {
    return this.#open === 0
  }

  state(rest: Omit<LoadState, 'leaves'>): string {
    return formatLoadState({ ...rest, leaves: [...this.#leaves.values()] })
  }
}
