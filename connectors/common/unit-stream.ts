import { Bell } from '../../runtime/abort.ts'
import type { Batch, Position, SourceIdentity, Table, UnitEnd } from '../../runtime/contract.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'

/** How positions compare and are written, in the form `P` in which the source has them. */
export interface Positions<P> {
  /** Whether `a` comes before `b`. Both were met in this stream, or are waited for, or were acknowledged. */
  isBefore(a: P, b: P): boolean
  format(position: P): Position
}

/** A connection whose changes go into a UnitStream's writer. It tells of them by `arrived` and `ended`. */
export interface Feed<P> {
  /** Where a resume misses nothing: the end of the last transaction read, or of the idle log behind it. */
  readonly position: P
  /** A transaction was begun and not ended, also one of which nothing is captured. */
  readonly inTransaction: boolean
  /** Reading may go on after `arrived` answered false. Called also where it did not. */
  resume(): void
  /** Somebody waits for the server's position, or nobody does any more. Called again and again with the same. */
  hasten(on: boolean): void
  /** More is durable than before. */
  acknowledged(): void
  close(): Promise<void>
}

export interface UnitStreamOptions<P> {
  readonly positions: Positions<P>
  /** What the log holds already; behind it the stream begins. */
  readonly from: P
  /** Every table version that the log knows. */
  readonly tables: readonly Table[]
  /** New table versions to make known in a first unit, which is appended even if there is nothing else. */
  readonly announce: readonly Table[] | undefined
  /** Stored with the first unit. */
  readonly identity: SourceIdentity
}

/** From here on a part of a transaction is handed over, and until it is taken nothing more is read. */
const BUFFER_BYTES = 4 * 1024 * 1024
const HEARTBEAT_MS = 1000

/**
 * A source's change stream as units: the writer fills while the unit before is being made durable. Transactions go
 * whole, or in parts when they are larger than the buffer; idle log becomes a heartbeat. Knows no protocol.
 */
export class UnitStream<P> {
  /** The feed begins each transaction in it, and commits it when the feed's position moves behind it. */
  readonly writer: BatchWriter
  readonly #options: UnitStreamOptions<P>
  readonly #bell = new Bell()
  readonly #waiting = new Set<{ readonly until: P }>()
  #feed: Feed<P> | undefined
  #failure: { readonly error: unknown } | undefined
  #heartbeat: NodeJS.Timeout | undefined
  /** The end of the newest unit handed over, and when that was. */
  #delivered: P
  #deliveredAt = performance.now()
  #identityStored = false
  #durable: P | undefined

  constructor(options: UnitStreamOptions<P>) {
    this.#options = options
    this.writer = new BatchWriter(options.tables)
    this.#delivered = options.from
    // At a first start nothing is durable before the first unit is.
    this.#durable = options.announce === undefined ? options.from : undefined
  }

  /**
   * Units of lane `stream`, until `signal` aborts (then it throws its reason), `open` fails or the feed ends (then it
   * throws what `ended` was given, once all that is whole was handed over). To be called once.
   */
  async *batches(open: (signal: AbortSignal) => Promise<Feed<P>>, signal: AbortSignal): AsyncGenerator<Batch> {
    const { announce, from } = this.#options
    if (announce !== undefined) {
      for (const table of announce) this.writer.announce(table)
      yield this.#endUnit(from)
    }
    const feed = await open(signal)
    this.#feed = feed
    feed.hasten(this.#waiting.size > 0)
    try {
      for (;;) {
        signal.throwIfAborted()
        const batch = this.#take(feed)
        if (batch !== undefined) yield batch
        else if (this.#failure !== undefined) throw this.#failure.error
        else await this.#bell.wait(signal)
      }
    } finally {
      clearTimeout(this.#heartbeat)
      await feed.close()
    }
  }

  /** For the feed: all that had come was written, and `position` is as it says. False: read no further until `resume`. */
  arrived(): boolean {
    const full = this.writer.size >= BUFFER_BYTES
    if (full || this.writer.hasWhole) this.#bell.ring()
    else if (this.#isIdleBehind()) this.#planHeartbeat()
    return !full
  }

  /** For the feed: nothing more will come. What was written last is not to be used if its transaction is not whole. */
  ended(error: unknown): void {
    this.#failure = { error }
    this.#bell.ring()
  }

  /** Everything before `position` is durable in the log. */
  ack(position: P): void {
    if (this.#durable !== undefined && !this.#options.positions.isBefore(this.#durable, position)) return
    this.#durable = position
    this.#feed?.acknowledged()
  }

  /** Undefined before a first unit is durable. */
  get durable(): P | undefined {
    return this.#durable
  }

  /** Until a unit reaches `until` or `signal` aborts, the feed is to hurry and heartbeats are not held back. */
  hasten(until: P, signal: AbortSignal): void {
    if (signal.aborted || !this.#options.positions.isBefore(this.#delivered, until)) return
    const waiting = { until }
    this.#waiting.add(waiting)
    signal.addEventListener(
      'abort',
      () => {
        this.#waiting.delete(waiting)
        this.#feed?.hasten(this.#waiting.size > 0)
      },
      { once: true },
    )
    this.#feed?.hasten(true)
    this.#bell.ring()
  }

  #take(feed: Feed<P>): Batch | undefined {
    const { writer } = this
    let batch: Batch | undefined
    if (writer.hasWhole || this.#isHeartbeatDue()) batch = this.#endUnit(feed.position)
    else if (writer.size >= BUFFER_BYTES && this.#failure === undefined) batch = writer.takePart()
    if (batch !== undefined && writer.size < BUFFER_BYTES) feed.resume()
    return batch
  }

  #endUnit(position: P): Batch {
    const { positions, identity } = this.#options
    const end: UnitEnd = { lane: 'stream', position: positions.format(position) }
    const batch = this.writer.take(this.#identityStored ? end : { ...end, identity })
    this.#identityStored = true
    this.#delivered = position
    this.#deliveredAt = performance.now()
    for (const waiting of this.#waiting) if (!positions.isBefore(position, waiting.until)) this.#waiting.delete(waiting)
    this.#feed?.hasten(this.#waiting.size > 0)
    return batch
  }

  /** Nothing is open or undelivered, and the stream stands further than the last unit says. */
  #isIdleBehind(): boolean {
    const feed = this.#feed
    if (feed === undefined || feed.inTransaction || this.writer.hasWhole) return false
    return this.#options.positions.isBefore(this.#delivered, feed.position)
  }

  #isHeartbeatDue(): boolean {
    if (!this.#isIdleBehind()) return false
    return this.#waiting.size > 0 || performance.now() - this.#deliveredAt >= HEARTBEAT_MS
  }

  #planHeartbeat(): void {
    if (this.#isHeartbeatDue()) {
      this.#bell.ring()
      return
    }
    if (this.#heartbeat !== undefined) return
    const left = HEARTBEAT_MS - (performance.now() - this.#deliveredAt)
    this.#heartbeat = setTimeout(() => {
      this.#heartbeat = undefined
      this.#bell.ring()
    }, Math.ceil(left) + 1)
  }
}
