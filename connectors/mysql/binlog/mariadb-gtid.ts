import { EventReader } from './event-reader.ts'
import { readXid, type Xid } from './xid.ts'

export interface MariadbGtid {
  readonly domain: number
  readonly server: number
  readonly sequence: bigint
}

/** Begins a group of events: a transaction, or one statement. */
export interface MariadbGtidEvent extends MariadbGtid {
  /** One statement follows, and nothing that commits it. */
  readonly isStandalone: boolean
  /** All of it can be rolled back: no table without transactions is in it. */
  readonly isTransactional: boolean
  readonly isDdl: boolean
  /** XA PREPARE: the group ends with XA_PREPARE. */
  readonly prepared: Xid | undefined
  /** XA COMMIT or XA ROLLBACK of a prepared one. */
  readonly completed: Xid | undefined
  /** Groups of the same number have committed together. */
  readonly commitId: bigint | undefined
  /** ALTER in two phases (MariaDB 10.8): what it begins, commits or rolls back; of the latter, what they belong to. */
  readonly alter: 'start' | 'commit' | 'rollback' | undefined
  readonly startAlterSequence: bigint | undefined
}

/** Gtid_log_event::FL_... and, in the byte behind, FL_..._E1 (MariaDB's sql/log_event.h). */
const STANDALONE = 0x01
const GROUP_COMMIT_ID = 0x02
const TRANSACTIONAL = 0x04
const DDL = 0x20
const PREPARED_XA = 0x40
const COMPLETED_XA = 0x80
const MULTI_ENGINE = 0x01
const START_ALTER = 0x02
const COMMIT_ALTER = 0x04
const ROLLBACK_ALTER = 0x08

/** GTID of MariaDB; `server` is that of the event's header. Newer servers append fields. Throws BINLOG_UNREADABLE. */
export function parseMariadbGtid(bytes: Buffer, at: number, end: number, server: number): MariadbGtidEvent {
  const reader = new EventReader(bytes, at, end, 'a GTID event')
  const sequence = reader.u64()
  const domain = reader.u32()
  const flags = reader.u8()
  const commitId = flags & GROUP_COMMIT_ID ? reader.u64() : undefined
  const xid = flags & (PREPARED_XA | COMPLETED_XA) ? readXid(reader, reader.u32(), reader.u8(), reader.u8()) : undefined
  // Without extras the event is filled up with zeros.
  const extra = reader.left > 0 ? reader.u8() : 0
  if (extra & MULTI_ENGINE) reader.skip(1)
  const startAlterSequence = extra & (COMMIT_ALTER | ROLLBACK_ALTER) ? reader.u64() : undefined
  return {
    domain,
    server,
    sequence,
    isStandalone: (flags & STANDALONE) !== 0,
    isTransactional: (flags & TRANSACTIONAL) !== 0,
    isDdl: (flags & DDL) !== 0,
    prepared: flags & PREPARED_XA ? xid : undefined,
    completed: flags & COMPLETED_XA ? xid : undefined,
    commitId,
    alter: alterOf(extra),
    startAlterSequence,
  }
}

function alterOf(extra: number): MariadbGtidEvent['alter'] {
  if (extra & START_ALTER) return 'start'
  if (extra & COMMIT_ALTER) return 'commit'
  return extra & ROLLBACK_ALTER ? 'rollback' : undefined
}

/** The upper bits are flags. */
const COUNT = 0x0fff_ffff

/** GTID_LIST: the newest of each domain and server in the files before this one. Throws BINLOG_UNREADABLE. */
export function parseGtidList(bytes: Buffer, at: number, end: number): MariadbGtid[] {
  const reader = new EventReader(bytes, at, end, 'a GTID_LIST event')
  const count = reader.u32() & COUNT
  const gtids: MariadbGtid[] = []
  // Each takes bytes, so that a false count ends at the end of the event.
  for (let i = 0; i < count; i++) gtids.push({ domain: reader.u32(), server: reader.u32(), sequence: reader.u64() })
  return gtids
}
