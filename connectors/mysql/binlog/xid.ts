import { unreadable } from './binlog-error.ts'
import type { EventReader } from './event-reader.ts'

/** The name of an XA transaction, of which both parts may be any bytes. */
export interface Xid {
  readonly format: number
  /** At most 64 bytes each. */
  readonly global: Buffer
  readonly branch: Buffer
}

const MOST = 64

/** Both parts, one behind the other. Throws BINLOG_UNREADABLE. */
export function readXid(reader: EventReader, format: number, globalLength: number, branchLength: number): Xid {
  if (globalLength > MOST || branchLength > MOST) throw unreadable('the name of an XA transaction is too long')
  return { format, global: reader.copy(globalLength), branch: reader.copy(branchLength) }
}

/** As the servers write it in the XA statements of the binary log: X'67',X'62',1. */
export function formatXid({ format, global, branch }: Xid): string {
  return `X'${global.toString('hex')}',X'${branch.toString('hex')}',${format}`
}
