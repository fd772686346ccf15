import type { Batch, Chunk, Fence, LoadProgress, LoadRequest, SourceIdentity, Table } from '../../runtime/contract.ts'
import type { LoadWriter } from './load-writer.ts'
import { Turnstile } from './turnstile.ts'

/** The rows of one connection on their way into units. */
export interface Lane {
  readonly units: LoadWriter
}

/** What of a table is read. A part counts once all of its rows are in a unit: the one at hand, or one before. */
export interface ReadParts<L> {
  /** All rows of this lane so far are on their way into the log. */
  taken(lane: L): void
  readonly areAll: boolean
  /** `LoadProgress.state`. */
  state(done: boolean): string
}

export interface LaneLoadOptions<L extends Lane> {
  readonly request: LoadRequest
  readonly table: Table
  /** That all rows are read under, and the server's clock then, microseconds since 1970. */
  readonly fence: Fence
  readonly time: bigint
  /** Tables to make known in the first unit beside this one. */
  readonly announce: readonly Table[]
  /** Stored with the first unit. */
  readonly identity: SourceIdentity | undefined
  /** Two connections share the work. */
  readonly isShared: boolean
  readonly parts: ReadParts<L>
  /** A new lane. It calls `onFull` with each chunk that is full, and keeps the server waiting until that resolves. */
  readonly lane: (onFull: () => Promise<void> | undefined) => L
  /** On behalf of one connection: reads parts into the lane until none is left. Ends with `signal`. */
  readonly work: (lane: L, signal: AbortSignal) => Promise<void>
  /** Throws if what was read does not count. */
  readonly confirm?: () => Promise<void>
}

/** The first load of a table, by one connection or two, all of which see the same state. */
export class LaneLoad<L extends Lane> implements AsyncDisposable {
  readonly #options: LaneLoadOptions<L>
  readonly #ending = new AbortController()
  readonly #signal: AbortSignal
  readonly #turnstile = new Turnstile<Batch>()
  #working: Promise<unknown> = Promise.resolve()
  /** For the first unit. */
  #identity: SourceIdentity | undefined
  #rows = 0

  constructor(options: LaneLoadOptions<L>, signal: AbortSignal) {
    this.#options = options
    this.#identity = options.identity
    this.#signal = AbortSignal.any([signal, this.#ending.signal])
  }

  /** The first announces the table and, for a restart, truncates it; the last is done if all parts are. To be called once. */
  async *chunks(): AsyncGenerator<Chunk> {
    const { request, table, announce, isShared, parts, work, confirm } = this.#options
    const opening = this.#lane()
    const lanes = [opening]
    opening.units.announce([table, ...announce.filter(({ id }) => id !== table.id)])
    if (request.restart) opening.units.truncate()
    if (isShared) {
      // Rows of the second lane may be ahead of those of the first, but not of the table's announcement.
      yield this.#chunk(this.#take(opening))
      lanes.push(this.#lane())
    }
    const ended = Promise.all(lanes.map(lane => work(lane, this.#signal))).then(() => undefined)
    this.#working = ended
    for await (const batch of this.#turnstile.until(ended)) yield this.#chunk(batch)
    for (const lane of lanes.slice(1)) if (lane.units.rows > 0) yield this.#chunk(this.#take(lane))
    await confirm?.()
    for (const lane of lanes) parts.taken(lane)
    yield this.#chunk(this.#take(opening, parts.areAll))
  }

  #lane(): L {
    const { fence, time } = this.#options
    const lane: L = this.#options.lane(() => this.#turnstile.put(this.#take(lane)))
    lane.units.under(fence.high, time)
    return lane
  }

  #take(lane: L, done = false): Batch {
    this.#options.parts.taken(lane)
    const identity = this.#identity
    this.#identity = undefined
    return lane.units.take(this.#progress(lane.units.rows, done), identity)
  }

  #progress(rows: number, done: boolean): LoadProgress {
    const { request, parts } = this.#options
    this.#rows += rows
    const { estimatedRows } = request
    const atLeast = estimatedRows === null ? null : Math.max(estimatedRows, this.#rows)
    return { done, rows: this.#rows, totalRows: done ? this.#rows : atLeast, state: parts.state(done) }
  }

  #chunk(rows: Batch): Chunk {
    const { table, fence } = this.#options
    const { progress } = rows.end as { readonly progress: LoadProgress }
    return { table, fence, rows, progress }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    await Promise.allSettled([this.#working])
  }
}
