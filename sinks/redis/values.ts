import type { SinkRow, Table } from '../../runtime/contract.ts'
import { type ExactJson, parseExact, textOfJson } from '../../runtime/record/text.ts'
import type { Connection } from './connection.ts'
import { keyFromPart } from './key-names.ts'
import { isReplyError, type Reply } from './reply.ts'
import { Own } from './table-rows.ts'

/** Reading values back, a bounded number of bytes at a time. */

const GROUP_BYTES = 4 * 1024 * 1024
const GROUP_KEYS = 1000

export interface Held {
  readonly key: Buffer
  /** An error where the key is of another type. */
  readonly value: Reply
}

/** Bytes that the keys' values take in the server's memory; 0 where there is none. */
export async function sizesOf(connection: Connection, keys: readonly Buffer[]): Promise<number[]> {
  const sizes: number[] = []
  for (let from = 0; from < keys.length; from += GROUP_KEYS) {
    const commands = keys.slice(from, from + GROUP_KEYS).map(key => ['MEMORY', 'USAGE', key])
    for (const size of await connection.askAll(commands)) sizes.push(Number(size ?? 0))
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
  const sizes = await sizesOf(connection, keys)
  for (let from = 0; from < keys.length; ) {
    signal.throwIfAborted()
    let to = from
    for (let bytes = 0; to < keys.length && (to === from || bytes + sizes[to]! <= GROUP_BYTES); to++)
      bytes += sizes[to]!
    const group = keys.slice(from, to)
    const values = await connection.tryAll(group.map(key => [command, key]))
    for (const value of values)
      if (isReplyError(value) && !value.error.startsWith('WRONGTYPE')) throw connection.refusal(value.error)
    yield group.map((key, i) => ({ key, value: values[i]! }))
    from = to
  }
}

/** The row in a key of the table; undefined if there is none, or it is marked as deleted. */
export function rowOf(table: Table, name: string, held: Held, marks: boolean): SinkRow | undefined {
  const cells = cellsOf(table, held.value, marks)
  if (cells === undefined) return undefined
  return { key: keyFromPart(held.key.toString().slice(name.length + 1), table), cells }
}

type Cells = Map<string, string | null>

/** No cells, if what is there is no row of ours: it then differs from every row. */
function cellsOf(table: Table, value: Reply, marks: boolean): Cells | undefined {
  if (value === null) return undefined
  if (Array.isArray(value)) return cellsOfHash(table, value, marks)
  return Buffer.isBuffer(value) ? cellsOfJson(table, value, marks) : new Map()
}

function cellsOfJson(table: Table, value: Buffer, marks: boolean): Cells | undefined {
  const cells: Cells = new Map()
  const members = membersOf(value.toString())
  if (marks && members.has(Own.deleted)) return undefined
  for (const column of table.columns) {
    const member = members.get(column.name)
    if (member !== undefined) cells.set(column.name, textOfJson(column, member))
  }
  return cells
}

/** None, if it is no JSON object. */
function membersOf(json: string): Map<string, ExactJson> {
  try {
    const value = parseExact(json)
    return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : [])
  } catch {
    return new Map()
  }
}

function cellsOfHash(table: Table, reply: readonly Reply[], marks: boolean): Cells | undefined {
  if (reply.length === 0) return undefined
  const fields = new Map<string, string>()
  for (let i = 0; i < reply.length; i += 2) fields.set(String(reply[i]), String(reply[i + 1]))
  if (marks && fields.has(Own.deleted)) return undefined
  return new Map(table.columns.map(({ name }) => [name, fields.get(name) ?? null]))
}
