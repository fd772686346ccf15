import { cut, unreadable } from '../binlog/binlog-error.ts'
import { MysqlGtidSet, TAG, UUID_LENGTH } from './mysql-set.ts'

/**
 * A set of GTIDs in binary, in COM_BINLOG_DUMP_GTID and as the body of PREVIOUS_GTIDS_LOG_EVENT (Gtid_set::encode of the
 * server's sql/rpl_gtid_set.cc). All little-endian: the number of origins (64 bits), then each: 16 bytes of UUID, the
 * number of its ranges (64 bits), and of each range its first number and the one behind its last (64 bits each).
 *
 * Since 8.3 a set with tags says so in the topmost and lowest byte of the number of origins, which stands between them;
 * behind each UUID there is the tag then: its length, doubled, in one byte, and its letters, none where there is no tag.
 */
const TAGGED = 1n
const FORMAT_SHIFT = 56n
const UUID_SIZE = 16
const RANGE_SIZE = 16

export function encodeGtidSet(set: MysqlGtidSet): Buffer {
  const origins = set.sorted()
  const isTagged = origins.some(([tsid]) => tsid.length > UUID_LENGTH)
  let size = 8
  for (const [tsid, numbers] of origins)
    size += UUID_SIZE + (isTagged ? 1 + tagOf(tsid).length : 0) + 8 + RANGE_SIZE * numbers.count
  const bytes = Buffer.alloc(size)
  const count = BigInt(origins.length)
  bytes.writeBigUInt64LE(isTagged ? (TAGGED << FORMAT_SHIFT) | (count << 8n) | TAGGED : count, 0)
  let at = 8
  for (const [tsid, numbers] of origins) {
    at += bytes.write(tsid.slice(0, UUID_LENGTH).replaceAll('-', ''), at, 'hex')
    if (isTagged) {
      const tag = tagOf(tsid)
      bytes[at++] = tag.length << 1
      at += bytes.write(tag, at, 'latin1')
    }
    at = bytes.writeBigUInt64LE(BigInt(numbers.count), at)
    for (let i = 0; i < numbers.count; i++) {
      at = bytes.writeBigInt64LE(numbers.first(i), at)
      at = bytes.writeBigInt64LE(numbers.last(i) + 1n, at)
    }
  }
  return bytes
}

function tagOf(tsid: string): string {
  return tsid.slice(UUID_LENGTH + 1)
}

/** Reads both forms, from `at` to `end`: without the event's checksum. Throws BINLOG_UNREADABLE. */
export function decodeGtidSet(bytes: Buffer, at: number, end: number): MysqlGtidSet {
  const set = new MysqlGtidSet()
  need(at, end, 8n)
  const head = bytes.readBigUInt64LE(at)
  const format = head >> FORMAT_SHIFT
  if (format > TAGGED) throw unreadable('a set of GTIDs has a form that is not known')
  const isTagged = format === TAGGED
  let from = at + 8
  const origins = isTagged ? BigInt.asUintN(48, head >> 8n) : head
  for (let i = 0n; i < origins; i++) {
    need(from, end, BigInt(UUID_SIZE + 1))
    let tsid = formatUuid(bytes, from)
    from += UUID_SIZE
    if (isTagged) {
      const length = bytes[from++]! >> 1
      need(from, end, BigInt(length))
      if (length > 0) tsid += `:${readTag(bytes, from, length)}`
      from += length
    }
    from = readRanges(bytes, from, end, set, tsid)
  }
  if (from !== end) throw unreadable('bytes follow on a set of GTIDs')
  return set
}

/** Answers where the ranges end. */
function readRanges(bytes: Buffer, at: number, end: number, set: MysqlGtidSet, tsid: string): number {
  need(at, end, 8n)
  const count = bytes.readBigUInt64LE(at)
  let from = at + 8
  need(from, end, count * BigInt(RANGE_SIZE))
  let before = 0n
  for (let i = 0n; i < count; i++) {
    const first = bytes.readBigInt64LE(from)
    const behind = bytes.readBigInt64LE(from + 8)
    if (first <= before || behind <= first) throw unreadable('a set of GTIDs is out of order')
    set.addRange(tsid, first, behind - 1n)
    before = behind
    from += RANGE_SIZE
  }
  return from
}

function readTag(bytes: Buffer, at: number, length: number): string {
  const tag = bytes.toString('latin1', at, at + length)
  if (!TAG.test(tag)) throw unreadable('the tag of a GTID is none')
  return tag
}

/** The 16 bytes from `at` on as text: the form that MysqlGtidSet knows a server by. */
export function formatUuid(bytes: Buffer, at: number): string {
  const hex = bytes.toString('hex', at, at + UUID_SIZE)
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

function need(at: number, end: number, size: bigint): void {
  if (size > BigInt(end - at)) throw cut('a set of GTIDs')
}
