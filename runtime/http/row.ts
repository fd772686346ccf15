import { abortable } from '../abort.ts'
import type { LoggedChange, Table } from '../contract.ts'
import { TailraceError } from '../errors.ts'
import { jsonRoom } from '../record/json.ts'
import { keyFromTexts } from '../record/key.ts'
import { findTable } from '../tables.ts'
import { answerText, invalidRequest } from './answer.ts'
import type { Exchange } from './exchange.ts'

/** The row of a key as the log has it now, everything durable at the call included. */
export async function row({ pipeline, name, query, response, signal }: Exchange): Promise<void> {
  const logs = pipeline.sources().map(source => ({ log: pipeline.log(source) }))
  const { source, table } = findTable(logs, decodeName(name))
  const { log } = source
  if (log.newest === undefined)
    throw new TailraceError('LOOKUP_UNSUPPORTED', 'stop', 'This log does not look rows up by key.', {
      hint: 'The embedded log does.',
    })
  const change = await abortable(log.newest(table, keyOf(table, query)), signal)
  if (change === undefined || change.kind === 'd')
    throw new TailraceError('ROW_MISSING', 'stop', `${table.name} has no row of this key.`)
  const { cursor, complete } = change
  const head = JSON.stringify({ table: table.name, cursor, version: String(change.version), complete })
  answerText(response, 200, 'application/json', `${head.slice(0, -1)},"row":${rowText(change)}}\n`)
}

/** Throws REQUEST_INVALID. */
export function decodeName(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw invalidRequest('The name of the table is not percent-encoded.', 'Write it as /tables/app.public.orders/row.')
  }
}

/** Each key column once, as the database prints it. */
function keyOf(table: Table, query: URLSearchParams): Uint8Array {
  const columns = table.key.map(i => table.columns[i]!.name)
  const asked = [...query.keys()]
  if (columns.length === 0) throw invalidRequest(`${table.name} has no key.`, 'Its rows are read with /changes.')
  if (asked.length !== columns.length || !columns.every(column => asked.includes(column)))
    throw invalidRequest(
      `A row of ${table.name} is named by ${columns.join(' and ')}.`,
      `Give each once: ?${columns.map(column => `${encodeURIComponent(column)}=...`).join('&')}`,
    )
  return keyFromTexts(columns.map(column => query.get(column)!))
}

function rowText(change: LoggedChange): string {
  for (let size = jsonRoom(change); ; size *= 2) {
    const bytes = Buffer.allocUnsafeSlow(size)
    const end = change.toJson(bytes, 0)
    if (end !== -1) return bytes.toString('utf8', 0, end)
  }
}
