import { TailraceError } from '../../runtime/errors.ts'

/** Lengths of one to nine bytes (https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_basic_dt_integers.html). */

/** In a row: no value. */
export const NULL_VALUE = 0xfb

/** Bytes of the length that begins with this one. */
export function lengthSize(first: number): number {
  if (first < NULL_VALUE) return 1
  return first === 0xfc ? 3 : first === 0xfd ? 4 : 9
}

/** The length that begins at `at`. Throws SOURCE_PROTOCOL if it does not end before `end`. */
export function lengthAt(bytes: Buffer, at: number, end: number): number {
  const first = bytes[at]!
  if (at + lengthSize(first) > end || first === NULL_VALUE || first === 0xff) throw malformed()
  if (first < NULL_VALUE) return first
  if (first === 0xfc) return bytes[at + 1]! | (bytes[at + 2]! << 8)
  if (first === 0xfd) return bytes[at + 1]! | (bytes[at + 2]! << 8) | (bytes[at + 3]! << 16)
  const length = bytes.readBigUInt64LE(at + 1)
  if (length > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed()
  return Number(length)
}

function malformed(): TailraceError {
  return new TailraceError('SOURCE_PROTOCOL', 'retry', 'The server sent a row with a length that is none.', {
    hint: 'Something between Tailrace and the server changes the bytes. Connect to the server directly.',
  })
}
