import type { Column, LogicalType, Table } from '../../runtime/contract.ts'
import { fieldNames } from './names.ts'

/** Of one field, as the engine takes it. */
export type Mapping = Readonly<Record<string, unknown>>

/** By full name of a table, then column: mappings in the place of ours. */
export type Overrides = Readonly<Record<string, Readonly<Record<string, Mapping>>>>

/** In a document, with `onDelete: mark`, of a row that was deleted at the source. */
export const DELETED = '_deleted'

/** A term of Lucene has at most 32,766 bytes, and a character at most 4. */
const TERM = { type: 'keyword', ignore_above: 8191 } as const
/** The text itself, where the type of the field may hold less than it. */
const EXACT = { exact: TERM } as const
/** Fields whose value is none of their type are stored all the same, and not indexed. */
const LENIENT = { ignore_malformed: true } as const

/** Years beyond 9999 and before 1 too. */
const DATE = { type: 'date', format: 'strict_date_optional_time_nanos||date_optional_time', ...LENIENT } as const
/** From 1970 to 2262. */
const NANOS = { type: 'date_nanos', ...LENIENT } as const
/** Digits of seconds that `date` keeps. */
const MILLISECONDS = 3

const TEXT = { type: 'text', fields: { keyword: TERM } } as const

/** Those of all columns by the names of their fields. */
export function mappingsOf(table: Table, overrides: Overrides): Record<string, Mapping> {
  const own = new Map(Object.entries(overrides[table.name] ?? {}))
  const names = fieldNames(table)
  return Object.fromEntries([
    ...table.columns.map((column, i) => [names[i]!, own.get(column.name) ?? mappingOf(column)] as const),
    [DELETED, { type: 'boolean' }],
  ])
}

/**
 * What a column becomes. The value is always stored as it is; this decides how it is found: by a term of `field` or of
 * `field.exact` (`field.keyword` of text), and by ranges of `field`.
 */
export function mappingOf({ type, masked }: Column): Mapping {
  return masked === true ? TERM : typed(type)
}

/** A field holds any number of values. An array with bounds of its own comes as its text. */
function arrayOf(element: Mapping): Mapping {
  if (element.type === 'boolean') return TERM
  return element.type === 'keyword' || 'fields' in element ? element : { ...element, fields: EXACT }
}

function typed(type: LogicalType): Mapping {
  switch (type.kind) {
    case 'boolean':
      return { type: 'boolean' }
    case 'int16':
      return { type: 'short', ...LENIENT }
    case 'int32':
      return { type: 'integer', ...LENIENT }
    case 'int64':
      return { type: 'long', ...LENIENT }
    case 'uint64':
      return { type: 'unsigned_long', ...LENIENT }
    case 'float32':
      return { type: 'float', ...LENIENT, fields: EXACT }
    case 'float64':
    case 'decimal':
      return { type: 'double', ...LENIENT, fields: EXACT }
    case 'date':
      return { ...DATE, fields: EXACT }
    case 'timestamp':
    case 'timestamptz': {
      const isFiner = (type.precision ?? 6) > MILLISECONDS
      return { ...DATE, fields: isFiner ? { nanos: NANOS, ...EXACT } : EXACT }
    }
    case 'text':
    case 'xml':
    case 'json':
      return TEXT
    case 'array':
      return arrayOf(typed(type.element))
    default:
      return TERM
  }
}
