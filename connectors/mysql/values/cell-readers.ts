import { unreadable } from '../binlog/binlog-error.ts'
import type { WireColumn } from '../wire-column.ts'
import { WireType } from '../wire-types.ts'
import type { CellReader } from './cell-reader.ts'
import type { Charsets } from './charsets.ts'
import { uncompressed } from './compressed.ts'
import { decimalReader } from './decimal.ts'
import { fixedBinaryReader } from './fixed-binary.ts'
import { writeJson } from './json.ts'
import { enumReader, setReader } from './labels.ts'
import { bitReader, doubleReader, floatReader, integerReader, yearReader } from './numbers.ts'
import {
  binaryReader,
  blobReader,
  lengthReader,
  prefixOf,
  stringReader,
  textReader,
  varbinaryReader,
  type WriteCell,
  writeBytes,
} from './strings.ts'
import {
  dateReader,
  datetimeReader,
  oldDatetimeReader,
  oldTimeReader,
  oldTimestampReader,
  timeReader,
  timestampReader,
} from './temporal.ts'
import { writeVector } from './vector.ts'
import { bitsOf, holdsBytes } from './wire-declared.ts'
import { wireLabels } from './wire-labels.ts'

/** The largest value that MariaDB has, as a column of its own may be. */
const LARGEST = 1024 ** 3

/**
 * How the values of a column are read. `declared`: the column's own type (canonical), which says what the log's bytes
 * are where it has no type for them; one that `fits` the event's. Throws BINLOG_UNREADABLE, CHARSET_UNKNOWN.
 */
export function cellReader(wire: WireColumn, declared: string, charsets: Charsets): CellReader {
  const { type, meta, unsigned } = wire
  switch (type) {
    case WireType.tiny:
      return integerReader(1, unsigned)
    case WireType.short:
      return integerReader(2, unsigned)
    case WireType.int24:
      return integerReader(3, unsigned)
    case WireType.long:
      return integerReader(4, unsigned)
    case WireType.longlong:
      return integerReader(8, unsigned)
    case WireType.float:
      return floatReader()
    case WireType.double:
      return doubleReader()
    case WireType.newdecimal:
      return decimalReader(meta & 0xff, meta >> 8)
    case WireType.bit:
      return bitReader(bitsOf(meta))
    case WireType.year:
      return yearReader()
    case WireType.date:
    case WireType.newdate:
      return dateReader()
    case WireType.time:
      return oldTimeReader()
    case WireType.datetime:
      return oldDatetimeReader()
    case WireType.timestamp:
      return oldTimestampReader()
    case WireType.time2:
      return timeReader(meta)
    case WireType.datetime2:
      return datetimeReader(meta)
    case WireType.timestamp2:
      return timestampReader(meta)
    case WireType.enum:
      return enumReader(wireLabels(wire, charsets), meta)
    case WireType.set:
      return setReader(wireLabels(wire, charsets), meta)
    default:
      return variableReader(wire, declared, charsets)
  }
}

function variableReader(wire: WireColumn, declared: string, charsets: Charsets): CellReader {
  const { type, meta } = wire
  switch (type) {
    case WireType.string:
      if (holdsBytes(wire)) return fixedBinaryReader(declared) ?? binaryReader(meta)
      return stringReader(meta, textWriter(wire, charsets))
    case WireType.varchar:
    case WireType.varString:
      if (!holdsBytes(wire)) return stringReader(meta, textWriter(wire, charsets))
      if (declared.startsWith('vector')) return lengthReader(prefixOf(meta), 'a vector', writeVector)
      return varbinaryReader(meta)
    case WireType.blob:
      return holdsBytes(wire) ? blobReader(meta) : textReader(meta, textWriter(wire, charsets))
    case WireType.varcharCompressed:
      return lengthReader(prefixOf(meta), 'a compressed string', uncompressed(contentWriter(wire, charsets), LARGEST))
    case WireType.blobCompressed:
      return lengthReader(meta, 'a compressed blob', uncompressed(contentWriter(wire, charsets), LARGEST))
    case WireType.json:
      return lengthReader(meta, 'a JSON document', writeJson)
    case WireType.geometry:
      return blobReader(meta)
    case WireType.vector:
      return lengthReader(meta, 'a vector', writeVector)
    default:
      throw unreadable(`column "${wire.name}" of type ${type}`)
  }
}

function textWriter(wire: WireColumn, charsets: Charsets): WriteCell {
  return charsets.writer(charsets.of(wire.collation!, wire.name).name, wire.name)
}

function contentWriter(wire: WireColumn, charsets: Charsets): WriteCell {
  return holdsBytes(wire) ? writeBytes : textWriter(wire, charsets)
}
