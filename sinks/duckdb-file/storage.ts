import type { Column, LogicalType } from '../../runtime/contract.ts'
import { type DecimalWidth, decimalWidth } from '../common/number-width.ts'

/** How a column's values stand in the database. */
export type Storage =
  | { readonly kind: 'boolean' | 'int16' | 'int32' | 'int64' | 'uint64' | 'float32' | 'float64' }
  | ({ readonly kind: 'decimal' } & DecimalWidth)
  | { readonly kind: 'date' | 'time' | 'timestamp' | 'timestamptz' | 'interval' | 'uuid' }
  | { readonly kind: 'blob' | 'varchar' | 'json' }
  | { readonly kind: 'list'; readonly element: Storage }

const VARCHAR: Storage = { kind: 'varchar' }

/** DuckDB's limit on the digits of a DECIMAL. */
const MOST_DIGITS = 38

/**
 * The type of a column, chosen once: where the source's type knows values that DuckDB's cannot hold as a matter of
 * course, the column is text from the start.
 *
 *   boolean, integers, floats   BOOLEAN, SMALLINT, INTEGER, BIGINT, UBIGINT, FLOAT, DOUBLE (all of NaN, infinity, -0)
 *   decimal(p, s)               DECIMAL of the same digits up to 38; without precision, or beyond: VARCHAR
 *   date, timestamp(tz), time   DATE, TIMESTAMP, TIMESTAMPTZ (infinity and BC too), TIME
 *   interval, uuid, json, bytes INTERVAL, UUID, JSON, BLOB
 *   arrays                      LIST of the element's type
 *   everything else             VARCHAR, as the database printed it: text, enum, xml, bits, time with time zone, ranges;
 *                               MySQL's TIME, which is a duration; what a mask left; bytes that are not text as \x and hex
 *
 * A rare value that the type cannot hold is refused by name, never bent: NaN in a DECIMAL, a timestamp after the year
 * 294246, an infinite interval, an array with dimensions or bounds of its own, MySQL's zero dates. `asText` keeps such
 * a column as VARCHAR.
 */
export function storageOf(column: Column, asText: boolean): Storage {
  const { type, masked, declared } = column
  if (asText || masked === true) return VARCHAR
  // PostgreSQL's reads "time without time zone"; MySQL's goes to 838 hours and below zero.
  if (type.kind === 'time' && /^time(\(\d\))?$/i.test(declared)) return VARCHAR
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
    case 'time':
    case 'timestamp':
    case 'timestamptz':
    case 'interval':
    case 'uuid':
    case 'json':
      return { kind: type.kind }
    case 'bytes':
      return { kind: 'blob' }
    case 'decimal':
      return decimalOf(type.precision, type.scale ?? 0)
    case 'array': {
      const element = storageOfType(type.element)
      return element.kind === 'list' ? VARCHAR : { kind: 'list', element }
    }
    default:
      return VARCHAR
  }
}

function decimalOf(precision: number | undefined, scale: number): Storage {
  const digits = decimalWidth(precision, scale, MOST_DIGITS)
  return digits === undefined ? VARCHAR : { kind: 'decimal', ...digits }
}

const NAMES: Readonly<Record<Exclude<Storage['kind'], 'decimal' | 'list'>, string>> = {
  boolean: 'BOOLEAN',
  int16: 'SMALLINT',
  int32: 'INTEGER',
  int64: 'BIGINT',
  uint64: 'UBIGINT',
  float32: 'FLOAT',
  float64: 'DOUBLE',
  date: 'DATE',
  time: 'TIME',
  timestamp: 'TIMESTAMP',
  timestamptz: 'TIMESTAMPTZ',
  interval: 'INTERVAL',
  uuid: 'UUID',
  blob: 'BLOB',
  varchar: 'VARCHAR',
  json: 'JSON',
}

/** The type in SQL. */
export function sqlType(storage: Storage): string {
  if (storage.kind === 'decimal') return `DECIMAL(${storage.width},${storage.scale})`
  return storage.kind === 'list' ? `${sqlType(storage.element)}[]` : NAMES[storage.kind]
}
