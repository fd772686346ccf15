import { unreadable } from './binlog-error.ts'
import { EventReader } from './event-reader.ts'

/** Begins a transaction of MySQL. What the server does not say, older ones do not, is undefined. */
export interface GtidEvent {
  /** Lower case with dashes; of an anonymous transaction all zeros. */
  readonly uuid: string
  /** '' without one. */
  readonly tag: string
  /** 0 of an anonymous transaction. */
  readonly number: bigint
  /** It may hold statements instead of rows. */
  readonly mayHaveStatements: boolean
  /** Logical clock of parallel replication. */
  readonly lastCommitted: bigint | undefined
  readonly sequenceNumber: bigint | undefined
  /** Microseconds since 1970: at the server that sends, and where the transaction was made. */
  readonly immediateCommit: bigint | undefined
  readonly originalCommit: bigint | undefined
  /** Of all its events with this one, in bytes, as they were before compression. */
  readonly transactionLength: bigint | undefined
  /** As 80046 for 8.0.46. */
  readonly immediateServer: number | undefined
  readonly originalServer: number | undefined
}

const UUID = 16
const MAY_HAVE_STATEMENTS = 1
const LOGICAL_CLOCK = 2
const LOGICAL_CLOCK_SIZE = 16
const TIME = 7
/** The highest bit of a time and of a version: the other server's follows. */
const ANOTHER_TIME = 1n << 55n
const ANOTHER_VERSION = 0x8000_0000

/**
 * GTID and ANONYMOUS_GTID (the layout is drawn in Gtid_event of MySQL's control_events.cpp). Newer servers append
 * fields. Throws BINLOG_UNREADABLE.
 */
export function parseGtid(bytes: Buffer, at: number, end: number): GtidEvent {
  const reader = new EventReader(bytes, at, end, 'a GTID event')
  const flags = reader.u8()
  const uuid = formatUuid(reader.view(UUID))
  const number = reader.i64()
  if (number < 0n) throw unreadable('a GTID event has a negative number')
  const hasClock = reader.left > LOGICAL_CLOCK_SIZE && reader.u8() === LOGICAL_CLOCK
  const lastCommitted = hasClock ? reader.u64() : undefined
  const sequenceNumber = hasClock ? reader.u64() : undefined
  const times = hasClock && reader.left >= TIME ? readTimes(reader) : undefined
  const transactionLength = times !== undefined && reader.left >= 1 ? reader.packed64() : undefined
  const versions = times !== undefined && reader.left >= 4 ? readVersions(reader) : undefined
  return {
    uuid,
    tag: '',
    number,
    mayHaveStatements: (flags & MAY_HAVE_STATEMENTS) !== 0,
    lastCommitted,
    sequenceNumber,
    immediateCommit: times?.immediate,
    originalCommit: times?.original,
    transactionLength,
    immediateServer: versions?.immediate,
    originalServer: versions?.original,
  }
}

function readTimes(reader: EventReader): { immediate: bigint; original: bigint } {
  const time = reader.u56()
  if ((time & ANOTHER_TIME) === 0n) return { immediate: time, original: time }
  return { immediate: time & ~ANOTHER_TIME, original: reader.u56() }
}

function readVersions(reader: EventReader): { immediate: number; original: number } {
  const version = reader.u32()
  if (version < ANOTHER_VERSION) return { immediate: version, original: version }
  return { immediate: version - ANOTHER_VERSION, original: reader.u32() }
}

/** 16 bytes. */
export function formatUuid(bytes: Buffer): string {
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
