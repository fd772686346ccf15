import { setTimeout as sleep } from 'node:timers/promises'
import { ServerError, serverErrno } from './connection-error.ts'
import type { Queries } from './queries.ts'

/**
 * Whoever comes later waits behind a lock that is asked for, also if it does not come because somebody has written and is
 * open still. The server itself gives up after whole seconds.
 */
const ASKED_MS = 100
const TRIES = 20
/** Between two tries, the first and the longest. */
const [PAUSE_MS, LONGEST_PAUSE_MS] = [100, 1000]

/**
 * Locks the tables against writing until UNLOCK TABLES on `locker`. `other`: a connection of the same user that is at
 * rest. Throws queryInterrupted if the lock did not come in any of the tries, which last about 15 seconds.
 */
export async function lockTables(locker: Queries, relations: readonly string[], other: Queries): Promise<void> {
  const [row] = await locker.query('SELECT CONNECTION_ID()')
  for (let tries = 1; ; tries++) {
    const attempt = await tryLock(locker, relations, other, row![0]!)
    if (attempt === undefined) return
    if (tries === TRIES) throw attempt.error
    await sleep(Math.min(LONGEST_PAUSE_MS, PAUSE_MS * tries))
  }
}

/** Undefined: the tables are locked. */
async function tryLock(
  locker: Queries,
  relations: readonly string[],
  other: Queries,
  connection: string,
): Promise<{ readonly error: unknown } | undefined> {
  let interrupting: Promise<unknown> | undefined
  const timer = setTimeout(() => {
    interrupting = other.query(`KILL QUERY ${connection}`)
    interrupting.catch(() => {})
  }, ASKED_MS)
  try {
    await locker.query(`FLUSH TABLES ${relations.join(', ')} WITH READ LOCK`)
  } catch (error) {
    onlyInterrupted(error)
    await interrupting
    return { error }
  } finally {
    clearTimeout(timer)
  }
  if (interrupting === undefined) return undefined
  // The lock came as it was given up: what is interrupted may be the next statement.
  await interrupting
  await locker.query('UNLOCK TABLES').catch(onlyInterrupted)
  await locker.query('UNLOCK TABLES')
  return await tryLock(locker, relations, other, connection)
}

function onlyInterrupted(error: unknown): void {
  if (serverErrno(error) !== ServerError.queryInterrupted) throw error
}
