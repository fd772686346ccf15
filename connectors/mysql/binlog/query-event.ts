import { cut } from './binlog-error.ts'
import { EventReader } from './event-reader.ts'
import { inflateRecord } from './mariadb-compression.ts'
import { parseStatusVariables, type StatusVariables } from './status-variables.ts'

/** A statement: BEGIN, COMMIT, XA COMMIT, DDL, or DML in STATEMENT format. */
export interface QueryEvent {
  readonly thread: number
  /** Of the statement at the server; 0 is none. */
  readonly errorCode: number
  /** The default database, '' without one. */
  readonly database: string
  readonly status: StatusVariables
  /** In the character set of `status.clientCollation`. Valid as long as the event is. */
  readonly text: Buffer
}

/** What EXECUTE_LOAD_QUERY has between post-header and status variables: file, where its name stands, duplicates. */
const LOAD = 13

/** QUERY. Throws BINLOG_UNREADABLE. */
export function parseQuery(bytes: Buffer, at: number, end: number): QueryEvent {
  return parse(new EventReader(bytes, at, end, 'a QUERY event'), 0)
}

/** EXECUTE_LOAD_QUERY: LOAD DATA in STATEMENT format. Throws BINLOG_UNREADABLE. */
export function parseExecuteLoadQuery(bytes: Buffer, at: number, end: number): QueryEvent {
  return parse(new EventReader(bytes, at, end, 'an EXECUTE_LOAD_QUERY event'), LOAD)
}

/** QUERY_COMPRESSED of MariaDB: the text alone is. Throws BINLOG_UNREADABLE, and VALUE_TOO_LARGE beyond `limit` bytes. */
export function parseQueryCompressed(bytes: Buffer, at: number, end: number, limit: number): QueryEvent {
  const query = parse(new EventReader(bytes, at, end, 'a QUERY_COMPRESSED event'), 0)
  if (query.text.length === 0) throw cut('a QUERY_COMPRESSED event')
  return { ...query, text: inflateRecord(query.text, 0, query.text.length, limit) }
}

function parse(reader: EventReader, extra: number): QueryEvent {
  const thread = reader.u32()
  reader.u32()
  const databaseLength = reader.u8()
  const errorCode = reader.u16()
  const statusLength = reader.u16()
  reader.skip(extra)
  const statusAt = reader.skip(statusLength)
  const status = parseStatusVariables(reader.bytes, statusAt, reader.at)
  const database = reader.text(databaseLength)
  reader.skip(1)
  return { thread, errorCode, database, status, text: reader.view(reader.left) }
}
