import { cut, unreadable } from './binlog-error.ts'
import { EventReader } from './event-reader.ts'

/** TRANSACTION_PAYLOAD: the events of a whole transaction but its GTID, mostly compressed. */
export interface TransactionPayload {
  readonly compression: 'zstd' | 'none'
  /** As the server says; undefined without compression. */
  readonly uncompressedSize: number | undefined
  /** The payload stands here in the bytes of the event. */
  readonly at: number
  readonly end: number
}

const END = 0
const PAYLOAD_SIZE = 1
const COMPRESSION = 2
const UNCOMPRESSED_SIZE = 3
const ZSTD = 0
const NONE = 255

const WHAT = 'a TRANSACTION_PAYLOAD event'

/**
 * Reads the fields in front of the payload: type, length and value, of which unknown ones are passed over
 * (Transaction_payload::decode of MySQL's codecs/binary.cpp). Throws BINLOG_UNREADABLE.
 */
export function parseTransactionPayload(bytes: Buffer, at: number, end: number): TransactionPayload {
  const reader = new EventReader(bytes, at, end, WHAT)
  let size: number | undefined
  let compression: number | undefined
  let uncompressedSize: number | undefined
  for (let type = reader.packed(); type !== END; type = reader.packed()) {
    const from = reader.skip(reader.packed())
    const field = new EventReader(bytes, from, reader.at, WHAT)
    if (type === PAYLOAD_SIZE) size = field.packed()
    else if (type === COMPRESSION) compression = field.packed()
    else if (type === UNCOMPRESSED_SIZE) uncompressedSize = field.packed()
  }
  if (size === undefined || compression === undefined) throw cut(WHAT)
  if (compression !== ZSTD && compression !== NONE)
    throw unreadable(`${WHAT} has the unknown compression ${compression}`)
  const from = reader.skip(size)
  reader.done()
  const isCompressed = compression === ZSTD
  return {
    compression: isCompressed ? 'zstd' : 'none',
    uncompressedSize: isCompressed ? uncompressedSize : undefined,
    at: from,
    end: from + size,
  }
}
