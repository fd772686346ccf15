import { abortable } from '../../runtime/abort.ts'
import type { SinkRow, Table } from '../../runtime/contract.ts'
import { type ExactJson, parseExact, textOfJson } from '../../runtime/record/text.ts'
import type { Connection } from './connection.ts'
import { keyFromPart } from './key-names.ts'
import { isReplyError, type Reply } from './reply.ts'
import { Own } from './table-rows.ts'

/** Reading values back, a bounded number of bytes at a time. */

const GROUP_BYTES = 4 * 1024 * 1024
const GROUP_KEYS = 1000
const BRACE = 0x7b

export interface Held {
  readonly key: Buffer
  /** An error where the key is of another type. */
  readonly value: Reply
}

/** Bytes that the keys' values take in the server's memory; 0 where there is none. */
export async function sizesOf(connection: Connection, keys: readonly Buffer[], signal: AbortSignal): Promise<number[]> {
  const sizes: number[] = []
  for (let from = 0; from < keys.length; from += GROUP_KEYS) {
    const commands = keys.slice(from, from + GROUP_KEYS).map(key => ['MEMORY', 'USAGE', key])
    for (const size of await abortable(connection.askAll(commands), signal)) sizes.push(Number(size ?? 0))
  }
  return sizes
}

/** What each key holds, with `command` (GET, HGETALL), in groups. */
export async function* valuesOf(
  connection: Connection,
  command: string,
  keys: readonly Buffer[],
  signal: AbortSignal,
): AsyncGenerator<Held[]> {
  const sizes = await sizesOf(connection, keys, signal)
  for (let from = 0; from < keys.length; ) {
    let to = from
    for (let bytes = 0; to < keys.length && (to === from || bytes + sizes[to]! <= GROUP_BYTES); to++)
      bytes += sizes[to]!
    const group = keys.slice(from, to)
    const values = await abortable(connection.tryAll(group.map(key => [command, key])), signal)
    for (const value of values)
      if (isReplyError(value) && !value.error.startsWith('WRONGTYPE')) throw connection.refusal(value.error)
    yield group.map((key, i) => ({ key, value: values[i]! }))
    from = to
  }
}

/**
 * The row in a key of the table; undefined if there is none, it is marked as deleted, or the key is none that the table
 * could have.
 */
export function rowOf(table: Table, name: string, { key: place, value }: Held, marks: boolean): SinkRow | undefined {
  const key = keyFromPart(place.toString().slice(name.length + 1), table)
  if (value === null || key === undefined) return undefined
  const row = Array.isArray(value) ? rowOfHash(value) : Buffer.isBuffer(value) ? rowOfJson(value) : undefined
  if (row === undefined) return { key, cells: new Map(), foreign: true }
  if (row.size === 0 && Array.isArray(value)) return undefined
  if (marks && row.has(Own.deleted)) return undefined
  return { key, cells: Array.isArray(value) ? cellsOfHash(table, row) : cellsOfJson(table, row) }
}

type Members = ReadonlyMap<string, ExactJson>

/** Undefined if it is no JSON object. */
function rowOfJson(value: Buffer): Members | undefined {
  if (value[0] !== BRACE) return undefined
  try {
    return new Map(Object.entries(parseExact(value.toString()) as { [name: string]: ExactJson }))
  } catch {
    return undefined
  }
}

function cellsOfJson(table: Table, members: Members): SinkRow['cells'] {
  const cells = new Map<string, string | null>()
  for (const column of table.columns) {
    const member = members.get(column.name)
    if (member !== undefined) cells.set(column.name, textOfJson(column, member))
  }
  return cells
}

function rowOfHash(reply: readonly Reply[]): Members {
  const fields = new Map<string, string>()
  for (let i = 0; i < reply.length; i += 2) fields.set(String(reply[i]), String(reply[i + 1]))
  return fields
}

/** A null has no field, and so has a cell that the log never saw. */
function cellsOfHash(table: Table, fields: Members): SinkRow['cells'] {
  return new Map(table.columns.map(({ name }) => [name, (fields.get(name) as string | undefined) ?? null]))
}
