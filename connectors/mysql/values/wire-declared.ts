import { unreadable } from '../binlog/binlog-error.ts'
import type { WireColumn } from '../wire-column.ts'
import { WireType } from '../wire-types.ts'
import { BINARY, type Charsets } from './charsets.ts'
import { canonical, labelsDeclared } from './declared.ts'
import { wireLabels } from './wire-labels.ts'

/**
 * The type of a column (canonical, declared.ts) from what a TABLE_MAP event says of it. A `meta` of two bytes is the one
 * in front plus 256 times the one behind, as they stand in the event: of NEWDECIMAL digits and those behind the point,
 * of BIT the bits of the last byte and whole bytes. Throws BINLOG_UNREADABLE, CHARSET_UNKNOWN.
 */
export function declaredOf(wire: WireColumn, charsets: Charsets): string {
  const { type, meta, unsigned } = wire
  switch (type) {
    case WireType.tiny:
      return canonical('tinyint', '', unsigned)
    case WireType.short:
      return canonical('smallint', '', unsigned)
    case WireType.int24:
      return canonical('mediumint', '', unsigned)
    case WireType.long:
      return canonical('int', '', unsigned)
    case WireType.longlong:
      return canonical('bigint', '', unsigned)
    case WireType.float:
      return canonical('float', '', unsigned)
    case WireType.double:
      return canonical('double', '', unsigned)
    case WireType.newdecimal:
      return canonical('decimal', `${meta & 0xff},${meta >> 8}`, unsigned)
    case WireType.bit:
      return `bit(${bitsOf(meta)})`
    case WireType.year:
      return 'year'
    case WireType.date:
    case WireType.newdate:
      return 'date'
    case WireType.time:
      return 'time'
    case WireType.datetime:
      return 'datetime'
    case WireType.timestamp:
      return 'timestamp'
    case WireType.time2:
      return canonical('time', String(meta), false)
    case WireType.datetime2:
      return canonical('datetime', String(meta), false)
    case WireType.timestamp2:
      return canonical('timestamp', String(meta), false)
    case WireType.json:
      return 'json'
    case WireType.geometry:
      return GEOMETRIES[wire.geometry ?? 0] ?? 'geometry'
    case WireType.vector:
      return `vector(${wire.dimension ?? 0})`
    case WireType.enum:
    case WireType.set:
      return labelsDeclared(type === WireType.enum ? 'enum' : 'set', wireLabels(wire, charsets).map(String))
    case WireType.string:
      return stringDeclared(wire, ['char', 'binary'], meta, charsets)
    case WireType.varchar:
    case WireType.varString:
      return stringDeclared(wire, ['varchar', 'varbinary'], meta, charsets)
    case WireType.varcharCompressed:
      // The byte that tells the method counts.
      return stringDeclared(wire, ['varchar', 'varbinary'], meta - 1, charsets)
    case WireType.blob:
    case WireType.blobCompressed:
      return sizedDeclared(wire)
    default:
      throw unreadable(`column "${wire.name}" of type ${type}`)
  }
}

export function bitsOf(meta: number): number {
  return (meta >> 8) * 8 + (meta & 0xff)
}

/** Whether its values are bytes and not text. */
export function holdsBytes({ collation }: WireColumn): boolean {
  return collation === undefined || collation === BINARY
}

const GEOMETRIES = [
  ...['geometry', 'point', 'linestring', 'polygon'],
  ...['multipoint', 'multilinestring', 'multipolygon', 'geometrycollection'],
]

function stringDeclared(
  wire: WireColumn,
  [text, bytes]: readonly [string, string],
  size: number,
  charsets: Charsets,
): string {
  if (holdsBytes(wire)) return `${bytes}(${size})`
  const { maxBytes } = charsets.of(wire.collation!, wire.name)
  return `${text}(${Math.floor(size / maxBytes)})`
}

const SIZES = ['tiny', '', 'medium', 'long'] as const

function sizedDeclared(wire: WireColumn): string {
  const size = SIZES[wire.meta - 1]
  if (size === undefined) throw unreadable(`column "${wire.name}" with lengths of ${wire.meta} bytes`)
  return `${size}${holdsBytes(wire) ? 'blob' : 'text'}`
}
