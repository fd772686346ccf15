import type pg from 'pg'
import { errorCode } from '../../runtime/errors.ts'
import { DirectSocket } from '../common/direct-socket.ts'
import { readTables, type TableRows } from './catalog-rows.ts'
import { ChunkTaker } from './chunk-taker.ts'
import type { PostgresConfig } from './config.ts'
import { connectSql } from './connection.ts'
import { type TakenFence, takeFence } from './fence.ts'
import type { LoadLane } from './load-lane.ts'
import { type RowConnection, selectRows } from './select-rows.ts'
import type { Walk } from './walk.ts'

/**
 * Rows must come in the order of their pages, which a sequential scan does not keep: it begins where another one of the
 * table is. Without it costs mean nothing, and what is compiled for them is wasted.
 */
const SETTINGS = 'SET enable_seqscan = off; SET enable_tidscan = on; SET synchronize_seqscans = off; SET jit = off'

const CURSOR = 'tailrace_rows'
/** Rows asked for at once: few until their size is known. What does not fit is asked for again. */
const FIRST_ROWS = 16
const MOST_ROWS = 1000
const GROWTH = 8
/** What is read for the rest of a chunk would mostly be of the next one. */
const FULL_ENOUGH = 0.8

/** Undefined table, column or schema: dropped after the query was made. */
const GONE = new Set(['42P01', '42703', '3F000'])

/** Reads chunks on a connection of its own. It ends with `signal`. */
export class ChunkReader {
  readonly client: pg.Client
  readonly #connection: RowConnection

  private constructor(connection: RowConnection) {
    this.client = connection.client
    this.#connection = connection
  }

  /** Throws as postgresError says. */
  static async open(config: PostgresConfig, name: string, signal: AbortSignal): Promise<ChunkReader> {
    const direct = new DirectSocket()
    const client = await connectSql(config, name, signal, direct.socket)
    await client.query(SETTINGS)
    return new ChunkReader({ client, direct })
  }

  /** The table as the catalog has it now, outside of any transaction: inside one it would be old. */
  async state(oid: number): Promise<TableRows> {
    return (await readTables(this.client, [oid])).get(oid)!
  }

  /**
   * One transaction: as many rows of the walk as fill a chunk, into the lane (R4.1). Undefined if what is to be read is
   * gone. It counts only if the table's state is afterwards what it was before.
   */
  async read(walk: Walk, lane: LoadLane, key: readonly number[]): Promise<TakenFence | undefined> {
    const { client } = this
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    try {
      const taken = await takeFence(client)
      lane.units.under(taken.fence.high, taken.time)
      const taker = new ChunkTaker(lane, key)
      while (taker.filled < FULL_ENOUGH) {
        const query = walk.query()
        if (query === undefined) break
        taker.expect(query.hasPlace)
        await client.query(`DECLARE ${CURSOR} NO SCROLL CURSOR FOR ${query.sql}`)
        await this.#fetch(taker)
        await client.query(`CLOSE ${CURSOR}`)
        walk.passed(taker.next, taker.filled)
      }
      await client.query('COMMIT')
      return taken
    } catch (error) {
      if (!GONE.has(errorCode(error) ?? '')) throw error
      await client.query('ROLLBACK')
      return undefined
    }
  }

  /** Until the chunk is full and it is known where it goes on, or the query has ended. */
  async #fetch(taker: ChunkTaker): Promise<void> {
    for (let wanted = FIRST_ROWS; taker.next === undefined; ) {
      const before = taker.came
      await selectRows(this.#connection, `FETCH FORWARD ${wanted} FROM ${CURSOR}`, taker)
      if (taker.came - before < wanted) return
      wanted = Math.max(1, Math.min(taker.room, MOST_ROWS, wanted * GROWTH))
    }
  }
}
