import { TailraceError } from '../../runtime/errors.ts'
import type { Connection } from './connection.ts'
import { keyOf, type Owner, ownerValues } from './owner.ts'
import { stateOf } from './server-error.ts'

/**
 * Takes the owner's lock for the life of this session. A former session that has it is ended, whatever it is at: its
 * process may be gone, or stand still in the middle of a transaction. Throws TARGET_BUSY, SINK_AUTH.
 */
export async function takeLock(connection: Connection, owner: Owner): Promise<void> {
  const key = keyOf(...ownerValues(owner))
  const [tried] = await connection.query('SELECT pg_catalog.pg_try_advisory_lock($1) AS got', [key])
  if (tried!.got === 't') return
  await endFormer(connection, key)
  try {
    await connection.query('SELECT pg_catalog.pg_advisory_lock($1)', [key])
  } catch (cause) {
    if (stateOf(cause) !== '55P03') throw cause
    throw new TailraceError('TARGET_BUSY', 'retry', `A former session of the sink at ${connection.server} goes on.`, {
      cause,
      hint: 'It was told to end. See pg_stat_activity for what it waits for.',
    })
  }
}

async function endFormer(connection: Connection, key: string): Promise<void> {
  try {
    await connection.query(
      `SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_locks
       WHERE locktype = 'advisory' AND granted AND objsubid = 1 AND pid <> pg_catalog.pg_backend_pid()
         AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
         AND (classid::bigint << 32) | objid::bigint = $1`,
      [key],
    )
  } catch (cause) {
    if (stateOf(cause) !== '42501') throw cause
    throw new TailraceError(
      'SINK_AUTH',
      'stop',
      `A former session of the sink at ${connection.server} belongs to another role.`,
      {
        cause,
        hint: 'End it (pg_terminate_backend), or grant the role in `url`: GRANT pg_signal_backend TO that role.',
      },
    )
  }
}
