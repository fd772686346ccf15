import { cut, unreadable } from './binlog-error.ts'
import { EventReader } from './event-reader.ts'

/**
 * Numbers and fields in the format of MySQL's serialization library (libs/mysql/serialization/readme.md): newer servers
 * may add fields, and say up to which one a reader must know them.
 */

/**
 * An unsigned integer of 1 to 9 bytes: as many as the first byte has trailing ones, and one. The bits above them begin
 * the number. Throws BINLOG_UNREADABLE.
 */
export function readVariable(reader: EventReader): bigint {
  const first = reader.u8()
  const more = 31 - Math.clz32(~first & (first + 1))
  if (more === 8) return reader.u64()
  let value = BigInt(first >>> (more + 1))
  const from = reader.skip(more)
  for (let i = 0; i < more; i++) value |= BigInt(reader.bytes[from + i]!) << BigInt(7 - more + 8 * i)
  return value
}

/** Sign in the lowest bit, the rest complemented when it is set. */
export function readVariableSigned(reader: EventReader): bigint {
  const value = readVariable(reader)
  return (value & 1n) === 0n ? value >> 1n : ~(value >> 1n)
}

/** A length or an index. */
export function readVariableLength(reader: EventReader): number {
  const value = readVariable(reader)
  if (value > 0xffff_ffffn) throw cut('a message')
  return Number(value)
}

/**
 * Reads one message: `field` is called for each field that is there, with the reader behind its number. It answers false
 * for one that it does not know; nothing behind it can be read then. Throws BINLOG_UNREADABLE when it would have to be.
 */
export function readMessage(
  bytes: Buffer,
  at: number,
  end: number,
  what: string,
  field: (id: number, reader: EventReader) => boolean,
): void {
  const head = new EventReader(bytes, at, end, what)
  const version = readVariableLength(head)
  if (version !== 1) throw unreadable(`${what} has the format ${version}, not 1`)
  // The size counts from the beginning of the message, with what stands before it.
  const size = readVariableLength(head)
  if (size > end - at || at + size < head.at) throw cut(what)
  const lastNeeded = readVariableLength(head) - 1
  const reader = new EventReader(bytes, head.at, at + size, what)
  let seen = -1
  while (reader.left > 0) {
    const id = readVariableLength(reader)
    if (id <= seen) throw unreadable(`${what} has its fields out of order`)
    if (!field(id, reader)) {
      if (id <= lastNeeded) throw unreadable(`${what} has a field ${id} that must be understood`)
      return
    }
    seen = id
  }
  if (seen < lastNeeded) throw cut(what)
}
