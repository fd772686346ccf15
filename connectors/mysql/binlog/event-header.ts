import { crc32 } from 'node:zlib'
import { readU32LE } from '../../../runtime/record/cells.ts'
import { cut, unreadable } from './binlog-error.ts'
import { Crc32 } from './crc32.ts'
import { EventFlag, EventType } from './event-types.ts'

/** Of version 4: time, type, server, size, position, flags. */
export const HEADER = 19
const CHECKSUM = 4

const TYPE = 4
const SERVER = 5
const SIZE = 9
const POSITION = 13
const FLAGS = 17

/**
 * How events end: with nothing, or with the CRC-32 of what stands before. Unknown until FORMAT_DESCRIPTION says it:
 * the ROTATE in front of it is looked at.
 */
export type Checksum = 'none' | 'crc32' | 'unknown'

/**
 * The header of one event (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_replication_binlog_event.html),
 * filled again for each.
 */
export class EventHeader {
  /** Seconds since 1970. */
  time = 0
  type = 0
  server = 0
  /** Where the event ends in its file; the low 32 bits of it, 0 for those that stand in none. */
  position = 0
  flags = 0
  /** The event without header and checksum. */
  at = 0
  end = 0
  readonly crc = new Crc32()
}

/**
 * Fills `header` from the whole event that stands from `at` to `end`, and verifies its checksum. Throws
 * BINLOG_UNREADABLE: not the size it says, or other bytes than were written.
 */
export function openEvent(bytes: Buffer, at: number, end: number, checksum: Checksum, header: EventHeader): void {
  if (end - at < HEADER) throw cut('an event header')
  const type = bytes[at + TYPE]!
  const size = readU32LE(bytes, at + SIZE)
  if (size !== end - at) throw unreadable(`an event of type ${type} has ${end - at} bytes and says ${size}`)
  header.time = readU32LE(bytes, at)
  header.type = type
  header.server = readU32LE(bytes, at + SERVER)
  header.position = readU32LE(bytes, at + POSITION)
  header.flags = bytes[at + FLAGS]! | (bytes[at + FLAGS + 1]! << 8)
  header.at = at + HEADER
  header.end = end
  if (type === EventType.formatDescription) openFormatDescription(bytes, at, end, header)
  else if (checksum !== 'none') {
    const isRight = end - at >= HEADER + CHECKSUM && hasRightChecksum(bytes, at, end, header.crc)
    if (isRight) header.end = end - CHECKSUM
    else if (checksum === 'crc32') throw wrongChecksum(type)
  }
}

/**
 * Says itself whether events have checksums, and has the room for its own either way; the server fills it rightly only
 * if they have (Binlog_sender::send_format_description_event).
 */
function openFormatDescription(bytes: Buffer, at: number, end: number, header: EventHeader): void {
  header.end = end - CHECKSUM
  if (header.end <= header.at) throw cut('a FORMAT_DESCRIPTION event')
  if (bytes[header.end - 1] === 1 && !hasRightChecksum(bytes, at, end, header.crc)) throw wrongChecksum(header.type)
}

function hasRightChecksum(bytes: Buffer, at: number, end: number, crc: Crc32): boolean {
  const to = end - CHECKSUM
  return checksumOf(bytes, at, to, crc) === readU32LE(bytes, to)
}

/** IN_USE changes when the file is closed, the checksum does not: it is made without. */
function checksumOf(bytes: Buffer, at: number, to: number, crc: Crc32): number {
  const isInUse = bytes[at + TYPE] === EventType.formatDescription && (bytes[at + FLAGS]! & EventFlag.inUse) !== 0
  if (!isInUse) return crc.of(bytes, at, to)
  const before = crc32(bytes.subarray(at, at + FLAGS))
  const flags = crc32(Buffer.from([bytes[at + FLAGS]! & ~EventFlag.inUse]), before)
  return crc32(bytes.subarray(at + FLAGS + 1, to), flags)
}

function wrongChecksum(type: number): Error {
  return unreadable(`the checksum of an event of type ${type} is wrong`)
}
