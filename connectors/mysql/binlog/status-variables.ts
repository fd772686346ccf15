import { EventReader } from './event-reader.ts'

/** What of the session a statement depends on. Each is undefined when the event does not say. */
export interface StatusVariables {
  /** OPTION bits: NO_FOREIGN_KEY_CHECKS 0x4000000, RELAXED_UNIQUE_CHECKS 0x8000000 ... */
  flags2?: number
  sqlMode?: bigint
  /** Collation ids: of the text, of its literals, of the server. */
  clientCollation?: number
  connectionCollation?: number
  serverCollation?: number
  /** Of the default database, where it is not the server's. */
  databaseCollation?: number
  /** What CHARACTER SET utf8mb4 without a collation means. */
  utf8mb4Collation?: number
  timeZone?: string
  /** Of the second in the event's header. */
  microseconds?: number
  /** Of a DDL statement that commits in the storage engine: its transaction there. */
  ddlXid?: bigint
  /** MariaDB: flags of two-phase ALTER, as in its GTID (mariadb-gtid.ts). */
  extraFlags?: number
  /** MariaDB: the GTID sequence of the START ALTER that this ends. */
  startAlterSequence?: bigint
}

/** Codes of both families (Query_event of MySQL; Query_log_event of MariaDB has 128 and up). */
const FLAGS2 = 0
const SQL_MODE = 1
const CATALOG = 2
const AUTO_INCREMENT = 3
const CHARSET = 4
const TIME_ZONE = 5
const CATALOG_NZ = 6
const LC_TIME_NAMES = 7
const CHARSET_DATABASE = 8
const TABLE_MAP_FOR_UPDATE = 9
const MASTER_DATA_WRITTEN = 10
const INVOKER = 11
const UPDATED_DB_NAMES = 12
const MICROSECONDS = 13
const EXPLICIT_DEFAULTS_FOR_TIMESTAMP = 16
const DDL_XID = 17
const DEFAULT_COLLATION_FOR_UTF8MB4 = 18
const SQL_REQUIRE_PRIMARY_KEY = 19
const DEFAULT_TABLE_ENCRYPTION = 20
const ENABLE_CASCADE_TRIGGERS = 21
const HRNOW = 128
const XID = 129
const GTID_FLAGS3 = 130

/** Beyond it the names are left out. */
const MOST_DATABASES = 16
const ALTER_ENDED = 0x4 | 0x8

/**
 * They come in growing order of their codes, so that whoever meets an unknown one may leave the rest alone, as the
 * servers do. Throws BINLOG_UNREADABLE.
 */
export function parseStatusVariables(bytes: Buffer, at: number, end: number): StatusVariables {
  const reader = new EventReader(bytes, at, end, 'a list of status variables')
  const status: StatusVariables = {}
  while (reader.left > 0) if (!parseOne(reader, reader.u8(), status)) break
  return status
}

function parseOne(reader: EventReader, code: number, status: StatusVariables): boolean {
  switch (code) {
    case FLAGS2:
      status.flags2 = reader.u32()
      return true
    case SQL_MODE:
      status.sqlMode = reader.u64()
      return true
    case CHARSET:
      status.clientCollation = reader.u16()
      status.connectionCollation = reader.u16()
      status.serverCollation = reader.u16()
      return true
    case TIME_ZONE:
      status.timeZone = reader.text(reader.u8())
      return true
    case CHARSET_DATABASE:
      status.databaseCollation = reader.u16()
      return true
    case MICROSECONDS:
    case HRNOW:
      status.microseconds = reader.u24()
      return true
    case DDL_XID:
    case XID:
      status.ddlXid = reader.u64()
      return true
    case DEFAULT_COLLATION_FOR_UTF8MB4:
      status.utf8mb4Collation = reader.u16()
      return true
    case GTID_FLAGS3:
      status.extraFlags = reader.u8()
      if (status.extraFlags & ALTER_ENDED) status.startAlterSequence = reader.u64()
      return true
    default:
      return passOver(reader, code)
  }
}

function passOver(reader: EventReader, code: number): boolean {
  switch (code) {
    case CATALOG:
      reader.skip(reader.u8() + 1)
      return true
    case CATALOG_NZ:
      reader.skip(reader.u8())
      return true
    case INVOKER:
      reader.skip(reader.u8())
      reader.skip(reader.u8())
      return true
    case UPDATED_DB_NAMES: {
      const count = reader.u8()
      if (count <= MOST_DATABASES) for (let i = 0; i < count; i++) while (reader.u8() !== 0);
      return true
    }
    case TABLE_MAP_FOR_UPDATE:
      reader.skip(8)
      return true
    case AUTO_INCREMENT:
    case MASTER_DATA_WRITTEN:
      reader.skip(4)
      return true
    case LC_TIME_NAMES:
      reader.skip(2)
      return true
    case EXPLICIT_DEFAULTS_FOR_TIMESTAMP:
    case SQL_REQUIRE_PRIMARY_KEY:
    case DEFAULT_TABLE_ENCRYPTION:
    case ENABLE_CASCADE_TRIGGERS:
      reader.skip(1)
      return true
    default:
      return false
  }
}
