import { createHash } from 'node:crypto'
import embedded from '../../../runtime/log/embedded.ts'
import { createLogger } from '../../../runtime/logger.ts'
import type { PostgresServer } from '../../support/postgres.ts'
import { BENCH_TABLE } from './workload.ts'

const PAGE = 100_000

/** Rows of a table whose key, the first column, lies above `from` and not above `to`, as text. */
export type RowsBetween = (from: number, to: number) => Promise<(string | null)[][]>

/**
 * Reads the log back: it must hold exactly `changes` changes, and the newest of every key must be what the table holds.
 * Throws if not.
 */
export async function compareWithTable(server: PostgresServer, folder: string, changes: number): Promise<string> {
  const client = await server.connect()
  try {
    await client.query("set timezone = 'UTC'")
    return await compareWithRows(folder, changes, async (from, to) => {
      const { rows } = await client.query<Record<string, string | null>>(
        `select * from ${BENCH_TABLE} where id > ${from} and id <= ${to}`,
      )
      return rows.map(row => Object.values(row))
    })
  } finally {
    await client.end()
  }
}

/** The same with the rows of any server. */
export async function compareWithRows(folder: string, changes: number, rowsBetween: RowsBetween): Promise<string> {
  const context = { pipeline: 'bench', name: 'app', logger: createLogger('warn'), folder }
  await using log = await embedded.open(embedded.config.parse({ path: folder }), context)
  const newest = new Map<string, string | null>()
  let count = 0
  const end = log.end()!
  for await (const batch of log.read('start', () => true, new AbortController().signal)) {
    for (const change of batch) {
      if (change.kind === 's') continue
      count++
      if (change.kind === 'd') newest.set(change.before(0)!, null)
      else newest.set(change.text(0)!, digest(change.table.columns.map((_, i) => change.text(i))))
    }
    if (log.compare(batch.cursor, end) !== 'before') break
  }
  if (count !== changes) throw new Error(`the log holds ${count} changes instead of ${changes}`)
  const touched = newest.size
  for (let from = 0; newest.size > 0; from += PAGE) {
    const rows = await rowsBetween(from, from + PAGE)
    for (const row of rows) {
      const [key] = row as [string]
      const wanted = newest.get(key)
      if (wanted === undefined) continue
      if (wanted !== digest(row)) throw new Error(`row ${key} differs between log and table`)
      newest.delete(key)
    }
    if (rows.length === 0 && from > 4 * changes) break
  }
  for (const [key, value] of newest) if (value !== null) throw new Error(`row ${key} of the log is not in the table`)
  return `equal (${touched} keys)`
}

function digest(values: readonly (string | null)[]): string {
  return createHash('md5').update(JSON.stringify(values)).digest('base64')
}
