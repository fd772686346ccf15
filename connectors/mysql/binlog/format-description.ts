import type { Flavor } from '../wire-column.ts'
import { unreadable } from './binlog-error.ts'
import type { Checksum } from './event-header.ts'
import { HEADER } from './event-header.ts'
import { EventReader } from './event-reader.ts'

/** What the events behind it look like. The first of each file, and of each stream. */
export interface FormatDescription {
  /** As `SELECT version()` says it, at most 50 bytes. */
  readonly serverVersion: string
  readonly flavor: Flavor
  /** Seconds since 1970, or 0 when the server was not just started. */
  readonly created: number
  /** Of the type `i + 1`: the bytes of fixed meaning behind the header. */
  readonly postHeaderLengths: Uint8Array
  readonly checksum: Checksum
}

const VERSION = 50

/** From `at` to `end` as openEvent leaves it: without its own checksum. Throws BINLOG_UNREADABLE. */
export function parseFormatDescription(bytes: Buffer, at: number, end: number): FormatDescription {
  const reader = new EventReader(bytes, at, end, 'a FORMAT_DESCRIPTION event')
  const binlogVersion = reader.u16()
  if (binlogVersion !== 4) throw unreadable(`it has the version ${binlogVersion}, not 4`)
  const name = reader.view(VERSION)
  const length = name.indexOf(0)
  const serverVersion = name.toString('latin1', 0, length < 0 ? VERSION : length)
  const created = reader.u32()
  const headerLength = reader.u8()
  if (headerLength !== HEADER) throw unreadable(`event headers have ${headerLength} bytes, not ${HEADER}`)
  const postHeaderLengths = new Uint8Array(reader.copy(reader.left - 1))
  const algorithm = reader.u8()
  if (algorithm > 1) throw unreadable(`the checksum algorithm ${algorithm} is unknown`)
  const flavor = /mariadb/i.test(serverVersion) ? 'mariadb' : 'mysql'
  return { serverVersion, flavor, created, postHeaderLengths, checksum: algorithm === 1 ? 'crc32' : 'none' }
}
