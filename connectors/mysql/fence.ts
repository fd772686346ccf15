import type { Fence, TransactionId } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { type MysqlGtidSet, parseGtidSet } from './gtid/mysql-set.ts'
import { type BinlogPlace, comparePlaces, formatPlace, parsePlace } from './position.ts'

/** What a chunk's read could see of the transactions that the stream delivers (R4.8). */

/**
 * How transactions are called. MySQL: `uuid:number`, or with a tag `uuid:tag:number`. MariaDB: its GTID, then where its
 * group begins, `0-1-25@mariadb-bin.000002:4711`: groups are told apart by their places. Without GTIDs the place alone.
 */
export function transactionId(gtid: string | undefined, place: BinlogPlace, isPlaced: boolean): string {
  if (gtid === undefined) return formatPlace(place)
  return isPlaced ? `${gtid}@${formatPlace(place)}` : gtid
}

/** `Fence.data` of the first load: nothing that the stream brings was seen. */
export const FIRST_FENCE = 'first'
const GTIDS = 'gtids '
const BEFORE = 'before '

/** It saw at least these: those that were committed before the read began. */
export function gtidFence(executed: string): string {
  return GTIDS + executed
}

/** It saw exactly the groups before this place. */
export function placeFence(place: BinlogPlace): string {
  return BEFORE + formatPlace(place)
}

type Seen = { readonly gtids: MysqlGtidSet } | { readonly before: BinlogPlace } | 'none'

/** Fences in use at a time: one for each load, and one for each pass. */
const REMEMBERED = 256

/** Answers for each row whether a fence saw its transaction: nothing is parsed twice. */
export class Fences {
  readonly #seen = new Map<string, Seen>()
  #last: { readonly data: string; readonly transaction: string; readonly isSeen: boolean } | undefined

  /** Throws FENCE_UNKNOWN. */
  sees({ data }: Fence, transaction: TransactionId): boolean {
    const last = this.#last
    // Rows of one transaction come in runs.
    if (last !== undefined && last.transaction === transaction && last.data === data) return last.isSeen
    const isSeen = sees(this.#parsed(data), transaction)
    this.#last = { data, transaction, isSeen }
    return isSeen
  }

  #parsed(data: string): Seen {
    const known = this.#seen.get(data)
    if (known !== undefined) return known
    const seen = parse(data)
    if (this.#seen.size >= REMEMBERED) this.#seen.clear()
    this.#seen.set(data, seen)
    return seen
  }
}

function parse(data: string): Seen {
  if (data === FIRST_FENCE) return 'none'
  if (data.startsWith(GTIDS)) return { gtids: parseGtidSet(data.slice(GTIDS.length)) }
  if (data.startsWith(BEFORE)) return { before: parsePlace(data.slice(BEFORE.length)) }
  throw new TailraceError('FENCE_UNKNOWN', 'stop', 'The log holds a fence that this version does not know.', {
    hint: 'A newer version of Tailrace wrote it: go on with that one.',
  })
}

function sees(seen: Seen, transaction: string): boolean {
  if (seen === 'none') return false
  if ('gtids' in seen) {
    const colon = transaction.lastIndexOf(':')
    return seen.gtids.contains(transaction.slice(0, colon), BigInt(transaction.slice(colon + 1)))
  }
  const place = parsePlace(transaction.slice(transaction.indexOf('@') + 1))
  // In a log of another name nothing tells; what it may not have seen is newer.
  return (comparePlaces(place, seen.before) ?? 1) < 0
}
