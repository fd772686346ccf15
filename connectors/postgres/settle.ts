import type pg from 'pg'
import type { Logger } from 'pino'
import { sleep } from '../../runtime/abort.ts'
import type { SharedSql } from './sql.ts'

/**
 * Changes that a transaction made before its table was added to the publication are not streamed, also if it commits
 * later: the table is read once all that ran at that moment have ended (R4.9).
 */

/** Numbers of the transactions that run now and have written. Not inside a transaction. */
export async function runningTransactions(client: pg.ClientBase): Promise<string[]> {
  // The list ends before the number behind the last that has ended: with one of our own that is behind all that run.
  await client.query('SELECT pg_catalog.pg_current_xact_id()')
  const { rows } = await client.query<{ xid: string }>(
    'SELECT xid FROM pg_catalog.pg_snapshot_xip(pg_catalog.pg_current_snapshot()) AS running(xid)',
  )
  return rows.map(({ xid }) => xid)
}

const LOOK_MS = 100
const FIRST_REPORT_MS = 2000
const REPORT_MS = 60_000

interface RunningRow {
  xid: string
  pid: string | null
  name: string | null
  seconds: string | null
}

/** Returns when none of them runs any more; says who is in the way, and for how long. */
export async function waitUntilEnded(
  sql: SharedSql,
  transactions: readonly string[],
  { table, logger }: { readonly table: string; readonly logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  let report = performance.now() + FIRST_REPORT_MS
  for (;;) {
    const running = await sql.use(
      async client => (await client.query<RunningRow>(RUNNING, [transactions])).rows,
      signal,
    )
    const [first] = running
    if (first === undefined) return
    if (performance.now() >= report) {
      report = performance.now() + REPORT_MS
      logger.warn(
        { table, transactions: running.length, pid: first.pid, application: first.name, seconds: first.seconds },
        `the load of ${table} waits for ${blocker(first)} to end its transaction`,
      )
    }
    await sleep(LOOK_MS, signal)
  }
}

/** The oldest first. Numbers of sessions are 32 bits wide. Never their queries: these hold rows. */
const RUNNING = `
  SELECT t.xid, a.pid, coalesce(nullif(a.application_name, ''), a.usename, 'prepared as ' || p.gid) AS name,
    EXTRACT(epoch FROM pg_catalog.clock_timestamp() - coalesce(a.xact_start, p.prepared))::int8 AS seconds
  FROM unnest($1::pg_catalog.xid8[]) AS t(xid)
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.backend_xid::text = (t.xid::text::numeric % 4294967296)::text
  LEFT JOIN pg_catalog.pg_prepared_xacts p ON p.transaction::text = (t.xid::text::numeric % 4294967296)::text
  WHERE pg_catalog.pg_xact_status(t.xid) = 'in progress'
  ORDER BY coalesce(a.xact_start, p.prepared)`

function blocker({ pid, name, seconds }: RunningRow): string {
  const since = seconds === null ? '' : `, for ${seconds} s`
  return pid === null
    ? `a transaction (${name ?? 'no session'}${since})`
    : `server process ${pid} (${name ?? '?'}${since})`
}
