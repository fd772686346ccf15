import type { Column, LogicalType } from '../contract.ts'
import { doubleText as mysqlDouble, floatText as mysqlFloat } from './mysql-float.ts'
import { shortestDigits } from './shortest.ts'
import { valueJson } from './value.ts'

/** The way back from JSON (record/json.ts) to the text that the database printed, for sinks that store JSON. */

/** A JSON value whose numbers are kept as their text (`ExactNumber`), so that no digit is lost. */
export type ExactJson = string | boolean | null | ExactNumber | readonly ExactJson[] | { [name: string]: ExactJson }

export interface ExactNumber {
  readonly rawJSON: string
}

// In V8 since Node 22 (https://github.com/tc39/proposal-json-parse-with-source), not yet in TypeScript's library.
const exact = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown
  rawJSON(text: string): ExactNumber
}

/** Parses JSON and keeps every digit of its numbers; `JSON.stringify` writes them back unchanged. */
export function parseExact(json: string): ExactJson {
  return exact.parse(json, (_key, value, context) =>
    typeof value === 'number' ? exact.rawJSON(context.source!) : value,
  ) as ExactJson
}

/** The database's text of a column's JSON value. */
export function textOfJson(column: Column, value: ExactJson): string | null {
  if (value === null) return null
  // A masked value is text whatever the column's type.
  return column.masked === true && typeof value === 'string' ? value : text(column.type, column.declared, value)
}

/**
 * What becomes of a value's text on its way into JSON and back, for columns where that may be another text than
 * databases print.
 */
export function shownInJson(column: Column): ((text: string) => string) | undefined {
  if (column.masked === true || !REWRITTEN.has(column.type.kind)) return undefined
  return text => textOfJson(column, parseExact(valueJson(column.type, text)))!
}

/** Kinds whose JSON is not their text. */
const REWRITTEN: ReadonlySet<LogicalType['kind']> = new Set<LogicalType['kind']>([
  'boolean',
  'bytes',
  'date',
  'timetz',
  'timestamp',
  'timestamptz',
  'array',
])

/** An object, which none of ours is, is its JSON: no value's text. */
function text(type: LogicalType, declared: string, value: ExactJson): string {
  if (typeof value === 'boolean') return booleanText(declared, value)
  if (Array.isArray(value)) return arrayText(type, declared, value)
  if (typeof value !== 'string') return JSON.stringify(value)
  switch (type.kind) {
    case 'bytes':
      return `\\x${Buffer.from(value, 'base64').toString('hex')}`
    case 'date':
      return dateText(value)
    case 'timestamp':
    case 'timestamptz':
      return timestampText(value)
    case 'timetz':
      return zoneText(value)
    default:
      return value
  }
}

/** PostgreSQL prints t and f; MySQL's booleans are small numbers. */
export function booleanText(declared: string, value: boolean): string {
  if (/^(tinyint|bit)(\(\d+\))?$/i.test(declared)) return value ? '1' : '0'
  return value ? 't' : 'f'
}

/** From this power of ten on, and below -4, PostgreSQL prints floats with an exponent. */
const EXPONENT_FROM = { float32: 6, float64: 15 } as const
/** Where a middle between two doubles may have as few digits as they: 54 bits, of them up to 23 factors of 5. */
const MIDDLES = { from: 2 ** 52, to: 1e41 } as const

/** The number as PostgreSQL prints it since version 12: shortest digits among the numbers of 64 bits. */
export function floatText(kind: 'float32' | 'float64', value: number): string {
  const size = Math.abs(value)
  if (size >= 1e-4 && size < 10 ** EXPONENT_FROM[kind]) return String(value)
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  if (!Number.isFinite(value)) return String(value)
  if (size > MIDDLES.from && size < MIDDLES.to) {
    const { digits, exponent } = shortestDigits('float64', size)
    return withExponent(value < 0, digits, exponent)
  }
  const [digits, exponent] = size.toExponential().split('e') as [string, string]
  return withExponent(value < 0, digits.replace('.', ''), Number(exponent))
}

/** The same of a number of 32 bits, shortest among those. */
export function realText(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return floatText('float32', value)
  const { digits, exponent } = shortestDigits('float32', Math.abs(value))
  // By its digits: the real below 1e-4 that they round up to is 0.0001.
  if (exponent < -4 || exponent >= EXPONENT_FROM.float32) return withExponent(value < 0, digits, exponent)
  // Few digits: as a number of 64 bits they are the shortest of theirs.
  return String(Math.sign(value) * Number(`${digits}e${exponent - digits.length + 1}`))
}

function withExponent(isNegative: boolean, digits: string, exponent: number): string {
  const fraction = digits.length === 1 ? '' : `.${digits.slice(1)}`
  const sign = exponent < 0 ? '-' : '+'
  return `${isNegative ? '-' : ''}${digits[0]}${fraction}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`
}

/** The text of a number in a column of MySQL, whose types of floats have names of their own; undefined of PostgreSQL's. */
export function mysqlFloatText(kind: 'float32' | 'float64', declared: string, value: number): string | undefined {
  if (!/^(float|double|vector)( unsigned$|\(|$)/.test(declared)) return undefined
  return kind === 'float32' ? mysqlFloat(Math.fround(value)) : mysqlDouble(value)
}

const ISO_DATE = /^([+-]?)(\d{4,})(-\d\d-\d\d)$/
const ISO_TIMESTAMP = /^([+-]?)(\d{4,})(-\d\d-\d\d)T(\d\d:\d\d:\d\d(?:\.\d+)?)(.*)$/

function dateText(iso: string): string {
  const match = ISO_DATE.exec(iso)
  // Month 0 is MySQL's, which knows no eras.
  if (match === null || match[3]!.startsWith('-00')) return iso
  const [year, era] = yearText(match[1]!, match[2]!)
  return `${year}${match[3]}${era}`
}

function timestampText(iso: string): string {
  const match = ISO_TIMESTAMP.exec(iso)
  if (match === null) return iso
  const [year, era] = yearText(match[1]!, match[2]!)
  return `${year}${match[3]} ${zoneText(match[4]! + match[5]!)}${era}`
}

/** Astronomical years to years with an era: 0000 is 1 BC. */
function yearText(sign: string, digits: string): [string, string] {
  const year = sign === '-' ? -Number(digits) : Number(digits)
  return year > 0 ? [String(year).padStart(4, '0'), ''] : [String(1 - year).padStart(4, '0'), ' BC']
}

/** PostgreSQL leaves out the zone's minutes where they are 0. */
function zoneText(time: string): string {
  if (time.endsWith('Z')) return `${time.slice(0, -1)}+00`
  return time.replace(/([+-]\d\d):00$/, '$1')
}

function arrayText(type: LogicalType, declared: string, values: readonly ExactJson[]): string {
  const element = type.kind === 'array' ? type.element : type
  const parts = values.map(value => {
    if (value === null) return 'NULL'
    return Array.isArray(value) ? arrayText(type, declared, value) : elementText(text(element, declared, value))
  })
  return `{${parts.join(',')}}`
}

/**
 * An element's text as it stands in the text of its array
 * (https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO). Blanks are those of ASCII alone.
 */
export function elementText(plain: string): string {
  const isQuoted = plain === '' || /[{}",\\ \t\n\v\f\r]/.test(plain) || /^null$/i.test(plain)
  return isQuoted ? `"${plain.replace(/["\\]/g, '\\$&')}"` : plain
}
