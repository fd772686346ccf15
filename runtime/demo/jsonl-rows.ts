import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../errors.ts'
import { Rows, type TableShape } from './rows.ts'

/**
 * The files of a jsonl sink of mode `state`, read as anybody would who knows their format: the last line of a key is
 * its row, and lines count once the marker of a finished batch stands behind them.
 */

/** A line's parts; numbers as their own digits. */
interface Line {
  readonly key?: readonly Json[]
  readonly value?: { readonly [column: string]: Json } | null
  readonly batch?: string
}

/** JSON whose numbers are texts, so that no digit is lost. */
type Json = string | boolean | null | readonly Json[]

// Known to V8, not yet to TypeScript's library: https://github.com/tc39/proposal-json-parse-with-source
const json = JSON as unknown as {
  parse(text: string, reviver: (key: string, value: unknown, context: { source: string }) => unknown): unknown
}

function parseLine(text: string): Line {
  return json.parse(text, (_, value, { source }) => (typeof value === 'number' ? source : value)) as Line
}

/** `folder`: the table's own. No folder means no rows. */
export async function readJsonl(folder: string, shape: TableShape): Promise<Rows> {
  const current = new Map<string, NonNullable<Line['value']>>()
  for (const file of await dataFiles(folder)) {
    let waiting: Line[] = []
    for (const text of (await readFile(join(folder, file), 'utf8')).split('\n')) {
      if (text === '') continue
      const line = parseLine(text)
      if (line.batch === undefined) {
        waiting.push(line)
        continue
      }
      for (const { key, value } of waiting) {
        const name = JSON.stringify(key)
        if (value === null || value === undefined) current.delete(name)
        else current.set(name, value)
      }
      waiting = []
    }
  }
  const rows = new Rows(shape)
  for (const value of current.values())
    rows.add(
      shape.columns.map(({ name, type }) => (value[name] === undefined ? undefined : cellText(type, value[name]))),
    )
  return rows
}

/** The names of a table's files, oldest first. */
export async function dataFiles(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter(name => /^\d+\.jsonl$/.test(name)).sort()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  }
}

/** Back to what PostgreSQL prints for a column of this type. */
function cellText(type: string, value: Json): string | null {
  if (value === null) return null
  if (typeof value === 'boolean') return value ? 't' : 'f'
  if (typeof value !== 'string') return `{${value.map(element => quoteElement(cellText('text', element))).join(',')}}`
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
function quoteElement(text: string | null): string {
  if (text === null) return 'NULL'
  const plain = text !== '' && !/[{}",\\\s]/.test(text) && !/^null$/i.test(text)
  return plain ? text : `"${text.replace(/["\\]/g, '\\$&')}"`
}
