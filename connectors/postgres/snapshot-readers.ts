import { Bell } from '../../runtime/abort.ts'
import { errorCode } from '../../runtime/errors.ts'
import { DirectSocket } from '../common/direct-socket.ts'
import type { PostgresConfig } from './config.ts'
import { connectSql } from './connection.ts'
import { quoteLiteral } from './quote.ts'
import { type RowConnection, type RowTaker, selectRows } from './select-rows.ts'

/** Connections of a first load. More would take what the server needs for others. */
const MOST = 2

export interface SnapshotPlace {
  readonly config: PostgresConfig
  readonly sourceName: string
  /** Exported with the slot; the connection that made it must stay open and idle as long as anything is read. */
  readonly snapshot: string
}

/** A connection that is lent to one table. It is in no transaction. */
export interface SnapshotReader {
  /** The rows of one query, in one round trip and a transaction of its own. */
  readAlone(sql: string, taker: RowTaker): Promise<void>
  /** Until `leave` the tables that are read cannot be altered. */
  enter(): Promise<void>
  read(sql: string, taker: RowTaker): Promise<void>
  leave(): Promise<void>
}

/**
 * The few connections of a first load, each reading under the exported snapshot, lent to one table after the other:
 * between two tables none holds a lock.
 */
export class SnapshotReaders implements AsyncDisposable {
  readonly #place: SnapshotPlace
  readonly #begin: string
  readonly #life = new AbortController()
  readonly #free: Reader[] = []
  readonly #freed = new Bell()
  #count = 0
  /** The server's clock when ours was 0. */
  #epoch: bigint | undefined

  constructor(place: SnapshotPlace) {
    this.#place = place
    this.#begin = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET TRANSACTION SNAPSHOT ${quoteLiteral(place.snapshot)}`
  }

  /**
   * Waits for a connection and lends it. One whose work throws, or is aborted, is closed at once. Throws what the work
   * throws, and SnapshotGone.
   */
  async use(work: (reader: SnapshotReader) => Promise<void>, signal: AbortSignal): Promise<void> {
    const reader = await this.#take(signal)
    const destroy = (): void => reader.destroy()
    signal.addEventListener('abort', destroy, { once: true })
    let isSound = false
    try {
      await work(reader)
      isSound = !signal.aborted
    } finally {
      signal.removeEventListener('abort', destroy)
      if (isSound) this.#free.push(reader)
      else {
        destroy()
        this.#count--
      }
      this.#freed.ring()
    }
  }

  /** The server's clock, microseconds since 1970. */
  async now(signal: AbortSignal): Promise<bigint> {
    if (this.#epoch === undefined) await this.use(async () => {}, signal)
    return this.#epoch! + ours()
  }

  async #take(signal: AbortSignal): Promise<Reader> {
    for (;;) {
      const freed = this.#freed.wait(signal)
      freed.catch(() => {})
      const free = this.#free.pop()
      if (free !== undefined) return free
      if (this.#count < MOST) return await this.#open()
      await freed
    }
  }

  async #open(): Promise<Reader> {
    const { config, sourceName } = this.#place
    this.#count++
    try {
      const direct = new DirectSocket()
      const client = await connectSql(config, `tailrace ${sourceName} load`, this.#life.signal, direct.socket)
      const { rows } = await client.query<{ time: string }>(
        'SELECT (EXTRACT(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::int8 AS time',
      )
      this.#epoch ??= BigInt(rows[0]!.time) - ours()
      return new Reader({ client, direct }, this.#begin)
    } catch (error) {
      this.#count--
      this.#freed.ring()
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#free.splice(0).map(reader => reader.end()))
    this.#life.abort(new Error('the first load has ended'))
  }
}

class Reader implements SnapshotReader {
  readonly #connection: RowConnection
  readonly #begin: string

  constructor(connection: RowConnection, begin: string) {
    this.#connection = connection
    this.#begin = begin
  }

  async readAlone(sql: string, taker: RowTaker): Promise<void> {
    await this.#checked(selectRows(this.#connection, `${this.#begin}; ${sql}; COMMIT`, taker))
  }

  async enter(): Promise<void> {
    await this.#checked(this.#connection.client.query(this.#begin))
  }

  read(sql: string, taker: RowTaker): Promise<void> {
    return selectRows(this.#connection, sql, taker)
  }

  async leave(): Promise<void> {
    await this.#connection.client.query('COMMIT')
  }

  async end(): Promise<void> {
    await this.#connection.client.end()
  }

  destroy(): void {
    this.#connection.client.connection.stream.destroy()
  }

  async #checked(work: Promise<unknown>): Promise<void> {
    try {
      await work
    } catch (error) {
      throw GONE.has(errorCode(error) ?? '') ? new SnapshotGone(error) : error
    }
  }
}

/** An invalid snapshot identifier, or none that can be imported any more. */
const GONE = new Set(['22023', '42704', '55000'])

/** Nothing can be read under the exported snapshot any more. */
export class SnapshotGone extends Error {
  constructor(cause: unknown) {
    super('the snapshot is gone', { cause })
  }
}

/** Microseconds on a clock that nobody sets. */
function ours(): bigint {
  return BigInt(Math.round(performance.now() * 1000))
}
