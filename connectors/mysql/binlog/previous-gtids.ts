import { cut, unreadable } from './binlog-error.ts'
import { EventReader } from './event-reader.ts'
import { formatUuid } from './gtid-event.ts'
import { readVariableLength } from './serialized-message.ts'

/** Transactions of one origin. */
export interface GtidRanges {
  readonly uuid: string
  /** '' without one. */
  readonly tag: string
  /** First and last of each run, in growing order. */
  readonly ranges: readonly (readonly [first: bigint, last: bigint])[]
}

const UUID = 16
const RANGE = 16
const WHAT = 'a PREVIOUS_GTIDS event'

/**
 * PREVIOUS_GTIDS: what the files before this one hold (Gtid_set::encode of MySQL's sql/rpl_gtid_set.cc). With tags in
 * the set the count carries the format, 1, in its highest and its lowest byte. Throws BINLOG_UNREADABLE.
 */
export function parsePreviousGtids(bytes: Buffer, at: number, end: number): GtidRanges[] {
  const reader = new EventReader(bytes, at, end, WHAT)
  const head = reader.u64()
  const format = head >> 56n
  if (format > 1n) throw unreadable(`${WHAT} has the format ${format}`)
  const hasTags = format === 1n
  const count = hasTags ? (head >> 8n) & 0xffff_ffff_ffffn : head
  const sets: GtidRanges[] = []
  // Each takes bytes, so that a false count ends at the end of the event.
  for (let i = 0n; i < count; i++) sets.push(readRanges(reader, hasTags))
  reader.done()
  return sets
}

function readRanges(reader: EventReader, hasTag: boolean): GtidRanges {
  const uuid = formatUuid(reader.view(UUID))
  const tag = hasTag ? reader.text(readVariableLength(reader)) : ''
  const count = reader.u64()
  if (count > BigInt(Math.floor(reader.left / RANGE))) throw cut(WHAT)
  const ranges: [bigint, bigint][] = []
  let last = 0n
  for (let i = 0n; i < count; i++) {
    const first = reader.i64()
    const behind = reader.i64()
    if (first <= last || behind <= first) throw unreadable(`${WHAT} has its ranges out of order`)
    last = behind - 1n
    ranges.push([first, last])
  }
  return { uuid, tag, ranges }
}
