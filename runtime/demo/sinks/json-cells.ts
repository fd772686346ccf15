import type { Cell } from '../rows.ts'

/** Rows that sinks wrote as JSON, back to the texts that PostgreSQL prints. */

/** JSON whose numbers are texts, so that no digit is lost. */
export type Json = string | boolean | null | readonly Json[]

/** A row's columns by name. */
export type JsonRow = Readonly<Record<string, Json>>

// Known to V8, not yet to TypeScript's library: https://github.com/tc39/proposal-json-parse-with-source
const json = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context: { source: string }) => unknown): unknown
}

export function parseDigits(text: string): unknown {
  return json.parse(text, (_, value, { source }) => (typeof value === 'number' ? source : value))
}

/** `type`: the column's, as PostgreSQL names it. */
export function jsonCell(type: string, value: Json | undefined): Cell {
  return value === undefined ? undefined : cellText(type, value)
}

function cellText(type: string, value: Json): string | null {
  if (value === null) return null
  if (typeof value === 'boolean') return value ? 't' : 'f'
  if (typeof value !== 'string') return arrayText(value.map(element => cellText('text', element)))
  switch (type) {
    case 'bytea':
      return `\\x${Buffer.from(value, 'base64').toString('hex')}`
    case 'timestamp with time zone':
      return value.replace('T', ' ').replace(/Z$/, '+00')
    default:
      return value
  }
}

/** https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO */
export function arrayText(elements: readonly (string | null)[]): string {
  return `{${elements.map(quoteElement).join(',')}}`
}

function quoteElement(text: string | null): string {
  if (text === null) return 'NULL'
  const plain = text !== '' && !/[{}",\\\s]/.test(text) && !/^null$/i.test(text)
  return plain ? text : `"${text.replace(/["\\]/g, '\\$&')}"`
}
