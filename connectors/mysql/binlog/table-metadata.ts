import type { Flavor } from '../wire-column.ts'
import { WireType } from '../wire-types.ts'
import { unreadable } from './binlog-error.ts'
import type { ColumnMeta } from './column-meta.ts'
import { EventReader } from './event-reader.ts'

/** What stands behind the null bits of a TABLE_MAP event; everything but the key by column, with gaps. */
export interface TableMetadata {
  names: string[]
  unsigned: boolean[]
  collations: number[]
  labels: (readonly Buffer[])[]
  geometries: number[]
  dimensions: number[]
  primaryKey: number[]
  keyPrefixes: number[]
  visible: boolean[] | undefined
}

/** Optional_metadata_field_type of MySQL's rows_event.h; MariaDB has the first eleven. */
const SIGNEDNESS = 1
const DEFAULT_CHARSET = 2
const COLUMN_CHARSET = 3
const COLUMN_NAME = 4
const SET_STR_VALUE = 5
const ENUM_STR_VALUE = 6
const GEOMETRY_TYPE = 7
const SIMPLE_PRIMARY_KEY = 8
const PRIMARY_KEY_WITH_PREFIX = 9
const ENUM_AND_SET_DEFAULT_CHARSET = 10
const ENUM_AND_SET_COLUMN_CHARSET = 11
const COLUMN_VISIBILITY = 12
const VECTOR_DIMENSIONALITY = 13

const WHAT = 'the metadata of a table'

/**
 * Reads to the end. They come in any order, as type, length and value, so that those of an unknown type are passed over
 * (https://dev.mysql.com/doc/dev/mysql-server/latest/classbinary__log_1_1Table__map__event.html). Throws
 * BINLOG_UNREADABLE.
 */
export function parseTableMetadata(reader: EventReader, columns: readonly ColumnMeta[], flavor: Flavor): TableMetadata {
  const metadata: TableMetadata = {
    names: [],
    unsigned: [],
    collations: [],
    labels: [],
    geometries: [],
    dimensions: [],
    primaryKey: [],
    keyPrefixes: [],
    visible: undefined,
  }
  const seen = new Set<number>()
  while (reader.left > 0) {
    const type = reader.u8()
    if (seen.has(type)) throw unreadable(`${WHAT} have the field ${type} twice`)
    seen.add(type)
    const from = reader.skip(reader.packed())
    parseField(type, new EventReader(reader.bytes, from, reader.at, WHAT), metadata, columns, flavor)
  }
  return metadata
}

function parseField(
  type: number,
  field: EventReader,
  metadata: TableMetadata,
  columns: readonly ColumnMeta[],
  flavor: Flavor,
): void {
  switch (type) {
    case SIGNEDNESS:
      spread(readBits(field, columns.length), indexes(columns, isNumeric), metadata.unsigned)
      break
    case DEFAULT_CHARSET:
      readDefaultCharset(field, characterColumns(columns, flavor), metadata.collations)
      break
    case COLUMN_CHARSET:
      spread(readPacked(field), characterColumns(columns, flavor), metadata.collations)
      break
    case COLUMN_NAME:
      metadata.names = readNames(field, columns.length)
      break
    case SET_STR_VALUE:
      spread(readLabels(field), indexes(columns, isSet), metadata.labels)
      break
    case ENUM_STR_VALUE:
      spread(readLabels(field), indexes(columns, isEnum), metadata.labels)
      break
    case GEOMETRY_TYPE:
      spread(readPacked(field), indexes(columns, isGeometry), metadata.geometries)
      break
    case SIMPLE_PRIMARY_KEY:
      readKey(field, false, metadata, columns.length)
      break
    case PRIMARY_KEY_WITH_PREFIX:
      readKey(field, true, metadata, columns.length)
      break
    case ENUM_AND_SET_DEFAULT_CHARSET:
      readDefaultCharset(field, indexes(columns, isEnumOrSet), metadata.collations)
      break
    case ENUM_AND_SET_COLUMN_CHARSET:
      spread(readPacked(field), indexes(columns, isEnumOrSet), metadata.collations)
      break
    case COLUMN_VISIBILITY:
      metadata.visible = readBits(field, columns.length).slice(0, columns.length)
      break
    case VECTOR_DIMENSIONALITY:
      spread(readPacked(field), indexes(columns, isVector), metadata.dimensions)
      break
    default:
  }
}

function indexes(columns: readonly ColumnMeta[], is: (type: number) => boolean): number[] {
  return columns.flatMap(({ type }, i) => (is(type) ? [i] : []))
}

/** Those whose collation is logged: MariaDB's GEOMETRY is a BLOB also in this, MySQL's VECTOR is. */
function characterColumns(columns: readonly ColumnMeta[], flavor: Flavor): number[] {
  return indexes(columns, type => isCharacter(type) || (flavor === 'mariadb' ? isGeometry(type) : isVector(type)))
}

/** Gives the values to the columns they are about, in their order; bits may be followed by filling ones. */
function spread<Value>(values: readonly Value[], columns: readonly number[], into: Value[]): void {
  const isFilled = typeof values[0] === 'boolean'
  if (isFilled ? values.length < columns.length : values.length !== columns.length)
    throw unreadable(`${WHAT} are about ${values.length} columns instead of ${columns.length}`)
  for (const [i, column] of columns.entries()) into[column] = values[i]!
}

/** From the highest bit of each byte on. `most`: more than these do not say anything. */
function readBits(field: EventReader, most: number): boolean[] {
  const bits: boolean[] = []
  while (field.left > 0 && bits.length < most) {
    const byte = field.u8()
    for (let bit = 0x80; bit !== 0; bit >>= 1) bits.push((byte & bit) !== 0)
  }
  return bits
}

function readPacked(field: EventReader): number[] {
  const values: number[] = []
  while (field.left > 0) values.push(field.packed())
  return values
}

function readDefaultCharset(field: EventReader, columns: readonly number[], into: number[]): void {
  const common = field.packed()
  for (const column of columns) into[column] = common
  while (field.left > 0) {
    const column = columns[field.packed()]
    if (column === undefined) throw unreadable(`${WHAT} have a collation for a column that is not there`)
    into[column] = field.packed()
  }
}

function readNames(field: EventReader, count: number): string[] {
  const names: string[] = []
  while (field.left > 0) names.push(field.text(field.packed()))
  if (names.length !== count) throw unreadable(`${WHAT} have ${names.length} names for ${count} columns`)
  return names
}

function readLabels(field: EventReader): Buffer[][] {
  const all: Buffer[][] = []
  while (field.left > 0) {
    const labels: Buffer[] = []
    // Each takes bytes, so that a false count ends at the end of the field.
    for (let left = field.packed(); left > 0; left--) labels.push(field.copy(field.packed()))
    all.push(labels)
  }
  return all
}

function readKey(field: EventReader, hasPrefixes: boolean, metadata: TableMetadata, count: number): void {
  const seen = new Set<number>()
  while (field.left > 0) {
    const column = field.packed()
    if (column >= count || seen.has(column)) throw unreadable(`${WHAT} have a key of columns that are not there`)
    seen.add(column)
    metadata.primaryKey.push(column)
    metadata.keyPrefixes.push(hasPrefixes ? field.packed() : 0)
  }
}

/** YEAR is one of them, always unsigned: seen in the logs of MySQL 9.7 and MariaDB 10.11, though neither's reader says so. */
function isNumeric(type: number): boolean {
  return (
    (type >= WireType.decimal && type <= WireType.double) ||
    type === WireType.longlong ||
    type === WireType.int24 ||
    type === WireType.year ||
    type === WireType.newdecimal
  )
}

function isCharacter(type: number): boolean {
  return (
    type === WireType.string ||
    type === WireType.varString ||
    type === WireType.varchar ||
    type === WireType.blob ||
    type === WireType.varcharCompressed ||
    type === WireType.blobCompressed
  )
}

function isEnum(type: number): boolean {
  return type === WireType.enum
}

function isSet(type: number): boolean {
  return type === WireType.set
}

function isEnumOrSet(type: number): boolean {
  return isEnum(type) || isSet(type)
}

function isGeometry(type: number): boolean {
  return type === WireType.geometry
}

function isVector(type: number): boolean {
  return type === WireType.vector
}
