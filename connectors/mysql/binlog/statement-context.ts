import { EventReader } from './event-reader.ts'

/** What stands in front of a statement that depends on it, and the text behind rows. All throw BINLOG_UNREADABLE. */

export interface Intvar {
  /** 1: LAST_INSERT_ID; 2: the next AUTO_INCREMENT. */
  readonly variable: number
  readonly value: bigint
}

export function parseIntvar(bytes: Buffer, at: number, end: number): Intvar {
  const reader = new EventReader(bytes, at, end, 'an INTVAR event')
  return { variable: reader.u8(), value: reader.u64() }
}

export interface Rand {
  readonly seed1: bigint
  readonly seed2: bigint
}

export function parseRand(bytes: Buffer, at: number, end: number): Rand {
  const reader = new EventReader(bytes, at, end, 'a RAND event')
  return { seed1: reader.u64(), seed2: reader.u64() }
}

export interface UserVar {
  readonly name: string
  /** As stored; undefined: null. Valid as long as the event is. */
  readonly value: Buffer | undefined
  /** Item_result: 0 text, 1 double, 2 integer, 4 decimal. */
  readonly type: number
  readonly collation: number
}

export function parseUserVar(bytes: Buffer, at: number, end: number): UserVar {
  const reader = new EventReader(bytes, at, end, 'a USER_VAR event')
  const name = reader.text(reader.u32())
  if (reader.u8() !== 0) return { name, value: undefined, type: 0, collation: 63 }
  const type = reader.u8()
  const collation = reader.u32()
  return { name, type, collation, value: reader.view(reader.u32()) }
}

/**
 * ROWS_QUERY: the statement whose rows follow, in UTF-8 or as its client wrote it. Its length byte says nothing for
 * longer ones. Valid as long as the event is.
 */
export function parseRowsQuery(bytes: Buffer, at: number, end: number): Buffer {
  const reader = new EventReader(bytes, at, end, 'a ROWS_QUERY event')
  reader.skip(1)
  return reader.view(reader.left)
}

/** ANNOTATE_ROWS of MariaDB, likewise. */
export function parseAnnotateRows(bytes: Buffer, at: number, end: number): Buffer {
  const reader = new EventReader(bytes, at, end, 'an ANNOTATE_ROWS event')
  return reader.view(reader.left)
}
