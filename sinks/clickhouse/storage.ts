import type { Column, LogicalType, Table } from '../../runtime/contract.ts'
import { columnKey } from '../common/column-key.ts'
import { type DecimalWidth, decimalWidth } from '../common/number-width.ts'

/** How a column's values stand in a table. */
export type Storage =
  | { readonly kind: 'boolean' | 'int16' | 'int32' | 'int64' | 'uint64' | 'float32' | 'float64' }
  | ({ readonly kind: 'decimal' } & DecimalWidth)
  | { readonly kind: 'date' | 'timestamp' | 'timestamptz' | 'uuid' }
  | { readonly kind: 'bytes' | 'text' }
  | { readonly kind: 'array'; readonly element: Storage }

const TEXT: Storage = { kind: 'text' }

/** ClickHouse's limit on the digits of a Decimal. */
const MOST_DIGITS = 76

/**
 * The type of a column, chosen once: where the source's type knows values that ClickHouse's cannot hold as a matter of
 * course, the column is text from the start.
 *
 *   boolean, integers, floats   Bool, Int16, Int32, Int64, UInt64, Float32, Float64 (all of NaN, infinity, -0)
 *   decimal(p, s)               Decimal of the same digits up to 76; without precision, or beyond: String
 *   date                        Date32, from 1900 to 2299
 *   timestamp, timestamptz      DateTime64(6, 'UTC'), from 1900 to 2299
 *   uuid, bytes                 UUID, String of the bytes
 *   arrays that are NOT NULL    Array of the element's type; of a column that may be NULL, which an Array cannot be: String
 *   everything else             String, as the database printed it: text, enum, json, xml, bits, times, intervals, ranges;
 *                               what a mask left; bytes that are not text as \x and hex
 *
 * A rare value that the type cannot hold is refused by name, never bent: NaN in a Decimal, a day before 1900 or after 2299
 * (infinity too), an array with dimensions or bounds of its own, MySQL's zero dates. `asText` keeps such a column as String.
 */
export function storageOf(table: Table, column: Column, asText: ReadonlySet<string>): Storage {
  const { type, masked, declared, nullable } = column
  if (masked === true || asText.has(columnKey(table, column))) return TEXT
  const isKey = table.key.some(i => table.columns[i] === column)
  if (type.kind === 'array') return isKey || nullable ? TEXT : storageOfType(type)
  // A key of floats would take 0 for -0, and NaN would be in no order.
  if (isKey && (type.kind === 'float32' || type.kind === 'float64')) return TEXT
  // MySQL's boolean is a number of one byte.
  if (type.kind === 'boolean' && /^tinyint/i.test(declared)) return { kind: 'int16' }
  return storageOfType(type)
}

function storageOfType(type: LogicalType): Storage {
  switch (type.kind) {
    case 'boolean':
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint64':
    case 'float32':
    case 'float64':
    case 'date':
    case 'timestamp':
    case 'timestamptz':
    case 'uuid':
    case 'bytes':
      return { kind: type.kind }
    case 'decimal':
      return decimalOf(type.precision, type.scale ?? 0)
    case 'array': {
      const element = storageOfType(type.element)
      return element.kind === 'array' ? TEXT : { kind: 'array', element }
    }
    default:
      return TEXT
  }
}

function decimalOf(precision: number | undefined, scale: number): Storage {
  const digits = decimalWidth(precision, scale, MOST_DIGITS)
  return digits === undefined ? TEXT : { kind: 'decimal', ...digits }
}

const NAMES: Readonly<Record<Exclude<Storage['kind'], 'decimal' | 'array'>, string>> = {
  boolean: 'Bool',
  int16: 'Int16',
  int32: 'Int32',
  int64: 'Int64',
  uint64: 'UInt64',
  float32: 'Float32',
  float64: 'Float64',
  date: 'Date32',
  timestamp: "DateTime64(6, 'UTC')",
  timestamptz: "DateTime64(6, 'UTC')",
  uuid: 'UUID',
  bytes: 'String',
  text: 'String',
}

/** The type in SQL, of values that are not NULL. */
export function sqlType(storage: Storage): string {
  if (storage.kind === 'decimal') return `Decimal(${storage.width}, ${storage.scale})`
  return storage.kind === 'array' ? `Array(Nullable(${sqlType(storage.element)}))` : NAMES[storage.kind]
}
