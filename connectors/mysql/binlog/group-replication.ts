import { EventReader } from './event-reader.ts'

/** Events of MySQL's group replication. All throw BINLOG_UNREADABLE. */

export interface TransactionContext {
  readonly serverUuid: string
  readonly thread: number
  readonly isGtidSpecified: boolean
}

/** TRANSACTION_CONTEXT; what certification needs of it, snapshot and sets of keys, is left alone. */
export function parseTransactionContext(bytes: Buffer, at: number, end: number): TransactionContext {
  const reader = new EventReader(bytes, at, end, 'a TRANSACTION_CONTEXT event')
  const uuidLength = reader.u8()
  const thread = reader.u32()
  const isGtidSpecified = reader.u8() !== 0
  reader.skip(12)
  return { thread, isGtidSpecified, serverUuid: reader.text(uuidLength) }
}

export interface ViewChange {
  readonly view: string
  readonly sequence: bigint
}

const VIEW = 40

/** VIEW_CHANGE: a member has come or gone. */
export function parseViewChange(bytes: Buffer, at: number, end: number): ViewChange {
  const reader = new EventReader(bytes, at, end, 'a VIEW_CHANGE event')
  const name = reader.view(VIEW)
  const length = name.indexOf(0)
  return { view: name.toString('latin1', 0, length < 0 ? VIEW : length), sequence: reader.u64() }
}
