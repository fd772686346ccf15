import type { Column, LogicalType } from '../../runtime/contract.ts'

/**
 * The type of a column in the database, as DDL writes it: PostgreSQL's own where its text is the log's text, `text` else.
 *
 *   integers, floats, boolean   smallint, integer, bigint, real, double precision, boolean; unsigned 64 bit: numeric(20,0)
 *   decimal                     numeric, with its digits where the scale is within them
 *   text, bytes, uuid, bits     text, varchar(n), char(n), name; bytea; uuid; bit(n), varbit
 *   json                        jsonb where the source has that, else json, which keeps the text
 *   date, times, interval       the same; MySQL's TIME, which is a duration, is text
 *   arrays                      of the element's type
 *   network, ranges, geometry   the same, of a PostgreSQL source (`NATIVE`)
 *   everything else             text: enum, composite, types of extensions and what a mask left
 *
 * Of a key's columns those whose equal values have several spellings (numeric without a scale, jsonb, interval, arrays)
 * are text: rows that the log tells apart are rows here.
 */
export type Storage = string

/** Types that only the database can read, and whose text says all. */
const NATIVE = new Set([
  ...['money', 'inet', 'cidr', 'macaddr', 'macaddr8', 'tsvector', 'tsquery', 'jsonpath', 'pg_lsn', 'refcursor'],
  ...['point', 'line', 'lseg', 'box', 'path', 'polygon', 'circle'],
  ...['int4range', 'int8range', 'numrange', 'daterange', 'tsrange', 'tstzrange'],
  ...['int4multirange', 'int8multirange', 'nummultirange', 'datemultirange', 'tsmultirange', 'tstzmultirange'],
  ...['xid', 'xid8', 'cid', 'tid', 'txid_snapshot', 'pg_snapshot', 'int2vector', 'oidvector'],
])

const TEXTS = /^(text|name|character varying(\(\d+\))?|character\(\d+\))$/
const BITS = /^bit(\(\d+\)| varying(\(\d+\))?)$/
const INTERVALS = /^interval( (year|month|day|hour|minute|second|to))*(\(\d\))?$/
/** Types of which equal values have one text. */
const KEYS =
  /^(boolean|smallint|integer|bigint|oid|numeric\(.+\)|real|double precision|text|name|character.*|bytea|uuid|date|time.*|inet|cidr|macaddr8?|pg_lsn)$/
const MOST_DIGITS = 1000

export interface StorageOptions {
  /** Columns that are kept as text. */
  readonly asText: boolean
  /** The type that the configuration names. */
  readonly chosen: string | undefined
  readonly isKey: boolean
}

export function storageOf(column: Column, { asText, chosen, isKey }: StorageOptions): Storage {
  if (asText || column.masked === true) return 'text'
  if (chosen !== undefined) return chosen
  const type = typeOf(column.type, column.declared)
  return isKey && (!KEYS.test(type) || type.endsWith('[]')) ? 'text' : type
}

function typeOf(type: LogicalType, declared: string): Storage {
  switch (type.kind) {
    case 'boolean':
    case 'uuid':
    case 'date':
      return type.kind
    case 'int16':
      return 'smallint'
    case 'int32':
      return 'integer'
    case 'int64':
      return declared === 'oid' ? 'oid' : 'bigint'
    case 'uint64':
      return 'numeric(20,0)'
    case 'float32':
      return 'real'
    case 'float64':
      return 'double precision'
    case 'decimal':
      return decimalOf(type.precision, type.scale ?? 0)
    case 'bytes':
      return 'bytea'
    case 'json':
      return declared === 'jsonb' ? 'jsonb' : 'json'
    case 'text':
      return TEXTS.test(declared) ? declared : 'text'
    case 'bits':
      return BITS.test(declared) ? declared : 'bit varying'
    case 'interval':
      return INTERVALS.test(declared) ? declared : 'interval'
    case 'time':
      return declared.endsWith('without time zone') ? timeOf('time', type.precision, 'without') : 'text'
    case 'timetz':
      return timeOf('time', type.precision, 'with')
    case 'timestamp':
      return timeOf('timestamp', type.precision, 'without')
    case 'timestamptz':
      return timeOf('timestamp', type.precision, 'with')
    case 'array':
      return `${typeOf(type.element, declared.endsWith('[]') ? declared.slice(0, -2) : '')}[]`
    case 'xml':
      return 'xml'
    default:
      return NATIVE.has(declared.replace(/\[\]$/, '')) ? declared : 'text'
  }
}

/** Before PostgreSQL 15 a scale lies within the digits. */
function decimalOf(precision: number | undefined, scale: number): Storage {
  const isPlain = precision === undefined || precision > MOST_DIGITS || scale < 0 || scale > precision
  return isPlain ? 'numeric' : `numeric(${precision},${scale})`
}

function timeOf(name: 'time' | 'timestamp', precision: number | undefined, zone: 'with' | 'without'): Storage {
  return `${name}${precision === undefined ? '' : `(${precision})`} ${zone} time zone`
}

/** Held as text, alone: the only type that may have what no text of PostgreSQL can hold (stored-text.ts). */
export function isText(storage: Storage): boolean {
  return TEXTS.test(storage)
}

/**
 * The type that a text is read as, without a modifier: an explicit cast to one of n characters would cut without a word,
 * where assigning to the column refuses. Empty: as the text that it is.
 */
export function castOf(storage: Storage): string {
  const bare = bareType(storage)
  if (isText(storage)) return ''
  if (/^(character varying|character|name)\[\]$/.test(bare)) return 'text[]'
  if (bare.startsWith('interval')) return bare.endsWith('[]') ? 'interval[]' : 'interval'
  return bare.replace(/^bit(?=$|\[)/, 'bit varying')
}

/** The same where it is compared with the column. */
export function comparedAs(storage: Storage): string {
  const bare = bareType(storage)
  if (bare === 'character') return 'bpchar'
  return bare === 'name' ? 'name' : castOf(storage)
}

function bareType(storage: Storage): string {
  return storage.replace(/\(\d+(,-?\d+)?\)/, '')
}

const INTEGERS = ['smallint', 'integer', 'bigint']

/** Whether a value of the one type is, with the same text, a value of the other. */
export function widens(from: Storage, to: Storage): boolean {
  if (from === to || to === 'text') return true
  const [low, high] = [INTEGERS.indexOf(from), INTEGERS.indexOf(to)]
  if (low !== -1 && high !== -1) return low < high
  if (bareType(from) !== bareType(to)) return false
  const [a, b] = [modifierOf(from), modifierOf(to)]
  const isSized = /^(numeric|character varying|bit varying|time|timestamp)\b/.test(from)
  if (!isSized || from.startsWith('character(')) return false
  if (b === undefined) return true
  return a !== undefined && a.size <= b.size && a.scale === b.scale
}

function modifierOf(storage: Storage): { size: number; scale: number } | undefined {
  const match = /\((\d+)(?:,(-?\d+))?\)/.exec(storage)
  return match === null ? undefined : { size: Number(match[1]), scale: Number(match[2] ?? 0) }
}
