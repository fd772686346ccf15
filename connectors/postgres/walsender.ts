import type pg from 'pg'
import type { Verdict } from './watchdog.ts'

/** Waits that mean: it has nothing to do, or waits for us. Then it would have answered, or sent. */
const WAITS_FOR_US = new Set(['Client', 'Activity'])

/** Whether the server process that streams to us is at work although nothing comes. Rejects if the server is silent. */
export async function askServer(sql: pg.Client, pid: number): Promise<Verdict> {
  const { rows } = await sql.query<{ kind: string | null }>(
    `SELECT a.wait_event_type AS kind FROM pg_catalog.pg_stat_replication r
     JOIN pg_catalog.pg_stat_activity a ON a.pid = r.pid WHERE r.pid = $1::int`,
    [pid],
  )
  const [row] = rows
  return row === undefined || WAITS_FOR_US.has(row.kind ?? '') ? 'gone' : 'busy'
}
