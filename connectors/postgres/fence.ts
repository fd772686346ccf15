import type pg from 'pg'
import type { Fence, TransactionId } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { readInsertLsn } from './head.ts'
import { formatLsn } from './position.ts'
import { standbyError } from './server-error.ts'

/** What a chunk's read saw of the transactions that the stream delivers (R4.1, R4.2). */

/** `Fence.data` of rows read under the slot's exported snapshot: it sees no transaction that the stream brings. */
export const EXPORTED_FENCE = 'exported'

/** A fence just taken, and the server's clock then, microseconds since 1970. */
export interface TakenFence {
  readonly fence: Fence
  readonly time: bigint
}

interface SnapshotRow {
  snapshot: string
  standby: string
  time: string
}

/**
 * Fixes the snapshot of a transaction REPEATABLE READ that has just begun, and says what it sees. The end of the log is
 * read afterwards: no commit that the snapshot sees lies beyond it. Throws SOURCE_STANDBY: there a transaction that is
 * still running counts as visible.
 */
export async function takeFence(client: pg.Client): Promise<TakenFence> {
  const { rows } = await client.query<SnapshotRow>(
    `SELECT pg_catalog.pg_current_snapshot() AS snapshot, pg_catalog.pg_is_in_recovery() AS standby,
       (EXTRACT(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::int8 AS time`,
  )
  const { snapshot, standby, time } = rows[0]!
  if (standby === 't') throw standbyError()
  return { fence: { data: snapshot, high: formatLsn(await readInsertLsn(client)) }, time: BigInt(time) }
}

interface Snapshot {
  /** Every number below this had ended. */
  readonly xmin: string
  /** No number from this on had. */
  readonly xmax: string
  /** Of those between, the ones still running. */
  readonly running: ReadonlySet<string>
}

/** xmin:xmax:numbers of running transactions, the form of pg_snapshot. */
const SNAPSHOT = /^(0|[1-9]\d*):(0|[1-9]\d*):((?:[1-9]\d*(?:,[1-9]\d*)*)?)$/
/** Fences in use at a time: one for each load, and one for each pass. */
const REMEMBERED = 256

/** Answers for each row whether a fence saw its transaction: nothing is parsed or allocated twice. */
export class Fences {
  readonly #snapshots = new Map<string, Snapshot>()

  /**
   * Throws FENCE_UNKNOWN. `transaction`: the number of a top-level transaction as the stream gives it. One that was about
   * to commit can equal xmax without being in the list: the list ends before it.
   */
  sees({ data }: Fence, transaction: TransactionId): boolean {
    if (data === EXPORTED_FENCE) return false
    const { xmin, xmax, running } = this.#snapshots.get(data) ?? this.#remember(data)
    return isLess(transaction, xmin) || (isLess(transaction, xmax) && !running.has(transaction))
  }

  #remember(data: string): Snapshot {
    const match = SNAPSHOT.exec(data)
    if (match === null)
      throw new TailraceError(
        'FENCE_UNKNOWN',
        'stop',
        'A chunk was read under a fence that this version does not know.',
        { hint: 'A newer version of Tailrace wrote it into the log: go on with that one.' },
      )
    const [, xmin, xmax, list] = match
    const snapshot = { xmin: xmin!, xmax: xmax!, running: new Set(list === '' ? [] : list!.split(',')) }
    if (this.#snapshots.size === REMEMBERED) this.#snapshots.delete(this.#snapshots.keys().next().value!)
    this.#snapshots.set(data, snapshot)
    return snapshot
  }
}

/** Of 64-bit numbers in decimal without leading zeros: the longer is the larger, equal lengths compare digit by digit. */
function isLess(a: string, b: string): boolean {
  return a.length === b.length ? a < b : a.length < b.length
}
