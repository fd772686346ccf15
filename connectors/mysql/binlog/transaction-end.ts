import { EventReader } from './event-reader.ts'
import { readXid, type Xid } from './xid.ts'

/** XID: the transaction has committed; its number in the storage engine. Throws BINLOG_UNREADABLE. */
export function parseXid(bytes: Buffer, at: number, end: number): bigint {
  return new EventReader(bytes, at, end, 'an XID event').u64()
}

export interface XaPrepare {
  readonly xid: Xid
  /** XA COMMIT ... ONE PHASE: nothing else follows, the transaction has committed. */
  readonly isOnePhase: boolean
}

/** XA_PREPARE: ends a transaction that a later one commits or rolls back. Throws BINLOG_UNREADABLE. */
export function parseXaPrepare(bytes: Buffer, at: number, end: number): XaPrepare {
  const reader = new EventReader(bytes, at, end, 'an XA_PREPARE event')
  const isOnePhase = reader.u8() !== 0
  const format = reader.u32()
  const globalLength = reader.u32()
  const branchLength = reader.u32()
  return { isOnePhase, xid: readXid(reader, format, globalLength, branchLength) }
}
