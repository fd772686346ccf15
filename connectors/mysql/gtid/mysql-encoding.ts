import { type MysqlGtidSet, UUID_LENGTH } from './mysql-set.ts'

/**
 * A set of GTIDs in binary, for COM_BINLOG_DUMP_GTID; the body of PREVIOUS_GTIDS (binlog/previous-gtids.ts) has the same
 * form (Gtid_set::encode of the server's sql/rpl_gtid_set.cc). All little-endian: the number of origins (64 bits), then each: 16 bytes of UUID, the
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
