import type pg from 'pg'
import type { Logger } from 'pino'
import { sleep } from '../../runtime/abort.ts'
import { errorCode, errorMessage, TailraceError } from '../../runtime/errors.ts'
import type { PostgresConfig } from './config.ts'
import { connectSql, postgresError } from './connection.ts'
import { parseLsn } from './position.ts'
import { quoteIdentifier } from './quote.ts'
import { endConnection } from './replication.ts'

/** Replication slots: what the server keeps its log for. Every function throws as postgresError says beside its own. */

export interface Slot {
  readonly plugin: string
  readonly database: string | null
  readonly activePid: string | null
  readonly walStatus: string | null
  readonly confirmedFlush: bigint | null
}

interface SlotRow {
  plugin: string
  database: string | null
  active_pid: string | null
  wal_status: string | null
  confirmed_flush_lsn: string | null
}

export async function readSlot(sql: pg.Client, name: string): Promise<Slot | undefined> {
  const { rows } = await sql.query<SlotRow>(
    `SELECT plugin, database, active_pid, wal_status, confirmed_flush_lsn
     FROM pg_catalog.pg_replication_slots WHERE slot_name = $1`,
    [name],
  )
  const [row] = rows
  if (row === undefined) return undefined
  return {
    plugin: row.plugin,
    database: row.database,
    activePid: row.active_pid,
    walStatus: row.wal_status,
    confirmedFlush: row.confirmed_flush_lsn === null ? null : parseLsn(row.confirmed_flush_lsn),
  }
}

/** How long the process of a connection that has ended may still hold the slot. */
const RELEASE_MS = 3000
const LOOK_MS = 50

/** Waits a moment for a predecessor of ours that is just ending. Throws SLOT_HELD. */
export async function waitUntilFree(sql: pg.Client, name: string, signal: AbortSignal): Promise<Slot | undefined> {
  const deadline = performance.now() + RELEASE_MS
  for (;;) {
    const slot = await readSlot(sql, name)
    if (slot === undefined || slot.activePid === null) return slot
    if (performance.now() > deadline) throw heldBy(name, slot.activePid)
    await sleep(LOOK_MS, signal)
  }
}

function heldBy(name: string, pid: string): TailraceError {
  return new TailraceError('SLOT_HELD', 'retry', `Replication slot "${name}" is read by server process ${pid}.`, {
    hint: 'Another process reads from it: end that one, or give this pipeline a name or `slot` of its own.',
  })
}

/** Drops it if it is there and nobody reads from it. Answers whether it was there. */
export async function dropSlot(sql: pg.Client, name: string): Promise<boolean> {
  try {
    await sql.query('SELECT pg_catalog.pg_drop_replication_slot($1)', [name])
    return true
  } catch (error) {
    if (errorCode(error) === '42704') return false
    if (errorCode(error) === '55006') throw heldBy(name, (await readSlot(sql, name))?.activePid ?? 'unknown')
    throw error
  }
}

export interface CreatedSlot {
  readonly consistentPoint: bigint
  /** Valid while the connection that made it stays open and idle. */
  readonly snapshot: string | undefined
}

/** The server waits for every transaction that runs: longer than this and the one in the way is named. */
const CREATE_MS = 60_000
const REPORT_MS = 5000
const CLEAN_UP_MS = 5000

export interface CreateSlotOptions {
  readonly name: string
  readonly config: PostgresConfig
  /** server_version_num */
  readonly version: number
  readonly exportSnapshot: boolean
  readonly logger: Logger
  readonly deadlineMs?: number
}

/**
 * Makes the slot, on a replication connection of its own. Durable on return; a crash may leave it behind, unread.
 * Throws SLOT_BLOCKED, SOURCE_PREREQUISITE; then, and when `signal` aborts, nothing is left.
 */
export async function createSlot(
  replication: pg.Client,
  sql: pg.Client,
  options: CreateSlotOptions,
  signal: AbortSignal,
): Promise<CreatedSlot> {
  const { name, config, logger, deadlineMs = CREATE_MS } = options
  const created = replication.query<{ consistent_point: string; snapshot_name: string | null }>(createCommand(options))
  // Raced below; in between a rejection must not count as unhandled.
  created.catch(() => {})
  const begun = performance.now()
  try {
    for (;;) {
      const answered = new AbortController()
      const pause = sleep(Math.min(REPORT_MS, deadlineMs), AbortSignal.any([signal, answered.signal]))
      pause.catch(() => {})
      const result = await Promise.race([created, pause]).finally(() => answered.abort())
      if (result !== undefined) {
        const [row] = result.rows
        return { consistentPoint: parseLsn(row!.consistent_point), snapshot: row!.snapshot_name ?? undefined }
      }
      const blocker = await findBlocker(sql, processId(replication))
      if (performance.now() - begun >= deadlineMs) throw slotBlocked(name, blocker)
      logger.warn({ slot: name }, `making the slot waits for ${blocker} to end its transaction`)
    }
  } catch (error) {
    await giveUp(replication, options)
    signal.throwIfAborted()
    throw createError(name, error, config)
  }
}

function processId(client: pg.Client): number {
  return (client as pg.Client & { processID: number }).processID
}

function createCommand({ name, config, version, exportSnapshot }: CreateSlotOptions): string {
  const slot = `CREATE_REPLICATION_SLOT ${quoteIdentifier(name)} LOGICAL pgoutput`
  if (version < 150_000) return `${slot} ${exportSnapshot ? 'EXPORT_SNAPSHOT' : 'NOEXPORT_SNAPSHOT'}`
  const failover = version >= 170_000 && config.failover ? ', FAILOVER true' : ''
  return `${slot} (SNAPSHOT '${exportSnapshot ? 'export' : 'nothing'}'${failover})`
}

async function findBlocker(sql: pg.Client, pid: number): Promise<string> {
  const { rows } = await sql.query<{ pid: string; name: string; state: string; since: string }>(
    `SELECT pid, coalesce(nullif(application_name, ''), usename, '?') AS name, coalesce(state, '?') AS state,
       coalesce(xact_start, backend_start)::text AS since
     FROM pg_catalog.pg_stat_activity
     WHERE pid = ANY (pg_catalog.pg_blocking_pids($1::int))
     ORDER BY xact_start LIMIT 1`,
    [pid],
  )
  const [row] = rows
  return row === undefined
    ? 'a transaction that the server does not name'
    : `server process ${row.pid} (${row.name}, ${row.state} since ${row.since})`
}

function slotBlocked(name: string, blocker: string): TailraceError {
  return new TailraceError(
    'SLOT_BLOCKED',
    'retry',
    `Replication slot "${name}" was not made: ${blocker} is in the way.`,
    {
      hint: 'The server first waits for every running transaction that has written. End that one, if need be with SELECT pg_terminate_backend(PID).',
    },
  )
}

function createError(name: string, error: unknown, config: PostgresConfig): TailraceError {
  const code = errorCode(error)
  if (code === '55000' || code === '53400')
    return new TailraceError(
      'SOURCE_PREREQUISITE',
      'stop',
      `Replication slot "${name}" was not made: ${errorMessage(error)}`,
      {
        cause: error,
        hint: 'The server needs wal_level = logical and a free slot (max_replication_slots); both take a restart.',
      },
    )
  return postgresError(error, config)
}

/** The server goes on making a slot whose client has left: end its process, then drop what it may have finished. */
async function giveUp(replication: pg.Client, { name, config, logger }: CreateSlotOptions): Promise<void> {
  const pid = processId(replication)
  replication.connection.stream.destroy()
  const limit = AbortSignal.timeout(CLEAN_UP_MS)
  try {
    const sql = await connectSql(config, 'tailrace clean up', limit)
    try {
      await sql.query('SELECT pg_catalog.pg_terminate_backend($1::int)', [pid])
      for (;;) {
        const { rows } = await sql.query('SELECT FROM pg_catalog.pg_stat_activity WHERE pid = $1::int', [pid])
        if (rows.length === 0) break
        await sleep(LOOK_MS, limit)
      }
      await dropSlot(sql, name)
    } finally {
      endConnection(sql)
    }
  } catch (error) {
    logger.warn({ err: error, slot: name }, 'the unfinished slot may still be at the server; the next start drops it')
  }
}
