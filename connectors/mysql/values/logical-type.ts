import type { LogicalType } from '../../../runtime/contract.ts'
import { parseDeclared } from './declared.ts'

/**
 * What the text of a column means, by its canonical type (declared.ts).
 *
 *   integers           the smallest that holds every value: tinyint int16, unsigned int int64, unsigned bigint uint64
 *   bit(n)             bits, n digits
 *   time               time, though it may have a sign and go to 838 hours: sinks know MySQL's by its declared type and
 *                      keep its text; an interval has another form everywhere, and would lose `-00:00:00`
 *   datetime           timestamp, timestamp: timestamptz, both with as many digits of a second as they are declared with
 *   year               int16; the year 0 is `0`
 *   set                text: its labels with commas between them, as the server prints them
 *   binary, blob,      bytes, as `\x` and hex; a place is the server's own value: 4 bytes of SRID, little-endian, then
 *   geometry           its WKB
 *   vector             an array of float32
 *   inet4, inet6       other: text that the database compares in its own way
 */
export function logicalTypeOf(declared: string): LogicalType {
  const { name, unsigned, numbers, labels } = parseDeclared(declared)
  switch (name) {
    case 'tinyint':
    case 'year':
      return { kind: 'int16' }
    case 'smallint':
      return { kind: unsigned ? 'int32' : 'int16' }
    case 'mediumint':
      return { kind: 'int32' }
    case 'int':
      return { kind: unsigned ? 'int64' : 'int32' }
    case 'bigint':
      return { kind: unsigned ? 'uint64' : 'int64' }
    case 'float':
      return { kind: 'float32' }
    case 'double':
      return { kind: 'float64' }
    case 'decimal':
      return { kind: 'decimal', precision: numbers[0] ?? 10, scale: numbers[1] ?? 0 }
    case 'bit':
      return { kind: 'bits' }
    case 'char':
    case 'varchar':
    case 'tinytext':
    case 'text':
    case 'mediumtext':
    case 'longtext':
    case 'set':
      return { kind: 'text' }
    case 'enum':
      return { kind: 'enum', labels }
    case 'date':
    case 'json':
    case 'uuid':
      return { kind: name }
    case 'time':
      return { kind: 'time', precision: numbers[0] ?? 0 }
    case 'datetime':
      return { kind: 'timestamp', precision: numbers[0] ?? 0 }
    case 'timestamp':
      return { kind: 'timestamptz', precision: numbers[0] ?? 0 }
    case 'vector':
      return { kind: 'array', element: { kind: 'float32' } }
    default:
      return { kind: BYTES.has(name) ? 'bytes' : 'other' }
  }
}

const BYTES = new Set([
  ...['binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob'],
  ...['geometry', 'point', 'linestring', 'polygon'],
  ...['multipoint', 'multilinestring', 'multipolygon', 'geometrycollection'],
])

/** Whether values of this canonical type are bytes to the server. */
export function isBytes(declared: string): boolean {
  return BYTES.has(parseDeclared(declared).name)
}
