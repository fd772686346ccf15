import { WireType } from '../wire-types.ts'
import { unreadable } from './binlog-error.ts'
import type { EventReader } from './event-reader.ts'

/** MySQL: a hidden column behind a multi-valued index. Its metadata begin with the type of its elements. */
const TYPED_ARRAY = 20

/** Type and metadata of a column, as WireColumn has them. */
export interface ColumnMeta {
  type: number
  meta: number
}

/**
 * Reads the metadata of a column of the type `type` (table_def of sql/rpl_utility.cc has the same sizes in both
 * families). Of two bytes the first is the lower one: of NEWDECIMAL the precision, above it the scale; of BIT the bits
 * beyond whole bytes, above them the bytes. STRING says in its first byte whether it is ENUM, SET or CHAR, and keeps two
 * bits of the length of a CHAR of more than 255 bytes there.
 */
export function readColumnMeta(reader: EventReader, type: number): ColumnMeta {
  switch (type) {
    case WireType.float:
    case WireType.double:
    case WireType.blob:
    case WireType.tinyBlob:
    case WireType.mediumBlob:
    case WireType.longBlob:
    case WireType.blobCompressed:
    case WireType.geometry:
    case WireType.json:
    case WireType.vector:
    case WireType.timestamp2:
    case WireType.datetime2:
    case WireType.time2:
      return { type, meta: reader.u8() }
    case WireType.varchar:
    case WireType.varcharCompressed:
    case WireType.varString:
    case WireType.bit:
    case WireType.newdecimal:
      return { type, meta: reader.u16() }
    case WireType.string:
    case WireType.enum:
    case WireType.set:
      return unpackString(reader.u8(), reader.u8())
    case WireType.tiny:
    case WireType.short:
    case WireType.int24:
    case WireType.long:
    case WireType.longlong:
    case WireType.decimal:
    case WireType.null:
    case WireType.year:
    case WireType.date:
    case WireType.newdate:
    case WireType.time:
    case WireType.datetime:
    case WireType.timestamp:
      return { type, meta: 0 }
    case TYPED_ARRAY: {
      const element = reader.u8()
      if (element === TYPED_ARRAY) throw unreadable('a column is an array of arrays')
      readColumnMeta(reader, element)
      return { type, meta: element }
    }
    default:
      throw unreadable(`a column has the unknown type ${type}`)
  }
}

function unpackString(first: number, second: number): ColumnMeta {
  if ((first & 0x30) !== 0x30) return { type: first | 0x30, meta: second | (((first & 0x30) ^ 0x30) << 4) }
  if (first !== WireType.string && first !== WireType.enum && first !== WireType.set)
    throw unreadable(`a column is a STRING of the unknown type ${first}`)
  return { type: first, meta: second }
}
