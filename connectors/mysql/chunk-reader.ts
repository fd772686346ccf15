import type { Captured } from './catalog.ts'
import type { MysqlConfig } from './config.ts'
import { ServerError, serverErrno } from './connection-error.ts'
import type { LoadLane } from './load-lane.ts'
import { QueryWire } from './query-wire.ts'
import { endView, needsLock, prepareViews, type TakenFence, takeView } from './read-view.ts'
import type { ServerFacts } from './server-facts.ts'
import type { Walk } from './walk.ts'

/** Rows asked for at once: few until their size is known. What does not fit is asked for again. */
const FIRST_ROWS = 16
const MOST_ROWS = 5000
/** Of the bytes that a chunk has room for, so much is asked for: a little too much costs less than another query. */
const GENEROSITY = 1.05
/** What is read for the rest of a chunk would mostly be of the next one. */
const FULL_ENOUGH = 0.8

/** What was to be read was altered or dropped after the query was made, or after the view of it; or cannot be locked. */
const GONE = new Set<number>([
  ServerError.tableUnknown,
  ServerError.columnUnknown,
  ServerError.tableChanged,
  ServerError.lockWaitTimeout,
  ServerError.queryInterrupted,
])

/** Reads chunks on connections of its own, which end with `signal`. */
export class ChunkReader {
  readonly #wire: QueryWire
  readonly #locker: QueryWire | undefined
  readonly #facts: ServerFacts
  #bytesPerRow: number | undefined

  private constructor(wire: QueryWire, locker: QueryWire | undefined, facts: ServerFacts) {
    this.#wire = wire
    this.#locker = locker
    this.#facts = facts
  }

  /** Throws as mysqlError says. */
  static async open(config: MysqlConfig, name: string, facts: ServerFacts, signal: AbortSignal): Promise<ChunkReader> {
    const wires = [await QueryWire.open(config, name, signal)]
    if (needsLock(facts)) wires.push(await QueryWire.open(config, name, signal))
    for (const wire of wires) await prepareViews(wire)
    return new ChunkReader(wires[0]!, wires[1], facts)
  }

  /** One transaction: as many rows of the walk as fill a chunk, into the lane (R4.1). Undefined if the table was altered. */
  async read(walk: Walk, lane: LoadLane, { relation }: Captured, chunkBytes: number): Promise<TakenFence | undefined> {
    const wire = this.#wire
    try {
      const taken = await takeView(wire, { facts: this.#facts, relations: [relation], locker: this.#locker })
      lane.units.under(taken.fence.high, taken.time)
      while (lane.units.size < FULL_ENOUGH * chunkBytes) {
        const wanted = this.#rows(chunkBytes - lane.units.size)
        const sql = walk.query(wanted)
        if (sql === undefined) break
        const before = lane.units.size
        lane.expect()
        await wire.rows(sql, lane)
        if (lane.taken > 0) this.#bytesPerRow = Math.max(1, (lane.units.size - before) / lane.taken)
        walk.passed(lane.came < wanted && lane.tookAll ? undefined : lane.lastKey)
      }
      await endView(wire)
      return taken
    } catch (error) {
      if (!GONE.has(serverErrno(error) ?? 0)) throw error
      await wire.query('ROLLBACK')
      return undefined
    }
  }

  #rows(room: number): number {
    if (this.#bytesPerRow === undefined) return FIRST_ROWS
    return Math.max(1, Math.min(MOST_ROWS, Math.ceil((GENEROSITY * room) / this.#bytesPerRow)))
  }
}
