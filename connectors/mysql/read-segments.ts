import type { ReadParts } from '../common/lane-load.ts'
import { formatLoadState, type Segment } from './load-state.ts'

/** Which segments of a first load are read. */
export class ReadSegments implements ReadParts<unknown> {
  /** Of the Table version that is read. */
  readonly #table: number
  readonly #next: Segment[]
  /** Not in the log, though perhaps read. */
  #left: readonly Segment[]
  /** By lane: segments read to their end, whose last rows may still wait in that lane. */
  readonly #waiting = new Map<unknown, Segment[]>()

  constructor(table: number, segments: readonly Segment[]) {
    this.#table = table
    this.#next = [...segments]
    this.#left = segments
  }

  /** The next to be read; undefined: there is none. */
  next(): Segment | undefined {
    return this.#next.shift()
  }

  ended(lane: unknown, segment: Segment): void {
    this.#waiting.set(lane, [...(this.#waiting.get(lane) ?? []), segment])
  }

  taken(lane: unknown): void {
    const read = this.#waiting.get(lane) ?? []
    this.#left = this.#left.filter(segment => !read.includes(segment))
    this.#waiting.delete(lane)
  }

  get areAll(): boolean {
    return this.#left.length === 0
  }

  state(): string {
    return formatLoadState({ table: this.#table, left: this.#left })
  }
}
