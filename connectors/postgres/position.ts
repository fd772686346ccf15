import type { Position } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'

/** A PostgreSQL position is the LSN behind a commit (or behind idle WAL), as text: `16/B374D848`. */

const LSN = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/

/** Throws SOURCE_POSITION. */
export function parseLsn(text: string): bigint {
  const match = LSN.exec(text)
  if (match === null)
    throw new TailraceError('SOURCE_POSITION', 'stop', `"${text}" is not a position in a PostgreSQL log.`, {
      hint: 'The log folder belongs to another source. Check `log.path` and the name of the source.',
    })
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`)
}

export function formatLsn(lsn: bigint): Position {
  const high = (lsn >> 32n).toString(16).toUpperCase()
  return `${high}/${(lsn & 0xffff_ffffn).toString(16).toUpperCase()}` as Position
}

/** Headers that stand in front of the first record of a WAL page: an ordinary one, and that of a segment. */
const PAGE_HEADER = 24n
const SEGMENT_HEADER = 40n

/**
 * An insert position that lies behind a page header with no record after it is rounded down to the page: the end of
 * the last record, and thus what the stream reports, is the page's start, and an idle server never writes on.
 */
export function roundInsertLsn(lsn: bigint, pageSize: bigint, segmentSize: bigint): bigint {
  if (lsn % segmentSize <= SEGMENT_HEADER) return lsn - (lsn % segmentSize)
  return lsn % pageSize <= PAGE_HEADER ? lsn - (lsn % pageSize) : lsn
}

/** Microseconds between 1970 and 2000, where PostgreSQL's clock begins. */
export const POSTGRES_EPOCH = 946_684_800_000_000n

/**
 * A transaction number of the stream widened to 64 bits: the one nearest to `reference`, which is any recent one. The
 * server never lets a slot see numbers further apart than 2^31.
 */
export function widenXid(xid: number, reference: bigint): bigint {
  return reference + BigInt.asIntN(32, BigInt(xid) - reference)
}
