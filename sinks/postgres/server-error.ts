import { errorCode, errorMessage, isTailraceError, TailraceError } from '../../runtime/errors.ts'
import { isTlsError } from '../../runtime/tls.ts'

/**
 * What an error of a connection or statement means, by its SQLSTATE
 * (https://www.postgresql.org/docs/current/errcodes-appendix.html). A TailraceError passes as it is. The server's words
 * are left out where they may quote values: those of class 42 name only what the statements name.
 */
export function databaseError(cause: unknown, server: string): TailraceError {
  if (isTailraceError(cause)) return cause
  const state = stateOf(cause)
  const at = `PostgreSQL at ${server}`
  const error = (code: string, recovery: 'retry' | 'stop', message: string, hint: string): TailraceError =>
    new TailraceError(code, recovery, message, { cause, hint })
  const text = wordsOf(cause)

  if (state.startsWith('28') || state === '3D000' || /^SASL:|password must be a string/.test(text))
    return error('SINK_AUTH', 'stop', `${at} refuses the login: ${text}.`, LOGIN_HINT)
  if (isTlsError(cause) || text.includes('does not support SSL'))
    return error('SINK_TLS', 'stop', `${at} cannot be reached over TLS: ${text}.`, TLS_HINT)
  if (state === '08P01' && text.includes('startup parameter'))
    return error(
      'SINK_POOLER',
      'stop',
      `${at} is a connection pooler: ${text}.`,
      'Put the server’s own host and port into `url`: values depend on settings of the session, and the lock that keeps a second writer away on the session itself.',
    )
  if (state === '42501') return error('SINK_AUTH', 'stop', `${at} lacks a privilege: ${text}.`, RIGHTS_HINT)
  if (state === '25006')
    return error(
      'SINK_REPLICA',
      'retry',
      `${at} takes no writes: ${text}.`,
      'Give the address of the primary, and mind default_transaction_read_only. After a failover this passes by itself.',
    )
  if (state === '55P03' || state === '40P01' || state === '40001' || state === '55006')
    return error(
      'TARGET_BUSY',
      'retry',
      `${at}: another session holds what is to be written (${state}).`,
      'End its transaction; pg_locks tells which one it is. The sink goes on by itself.',
    )
  if (state === '53100' || state === '53200' || state === '58030')
    return error(
      'TARGET_FULL',
      'retry',
      `${at} has no room left: ${text}.`,
      'Free some disk or memory; it goes on by itself.',
    )
  if (state === '42P01' || state === '3F000')
    return error(
      'SINK_RESTORED',
      'retry',
      `A table of the sink at ${server} was removed.`,
      'The sink goes on from what the database now holds.',
    )
  if (AWAY.test(state) || (state === '' && isNetworkError(cause)))
    return error(
      'SINK_UNREACHABLE',
      'retry',
      `${at} does not answer: ${text}.`,
      'Is the server up, and are host and port in `url` right? It is tried for ever.',
    )
  if (state === '23503') return constraintError(cause, at)
  if (state === '') return error('TARGET_IO', 'retry', `${at}: ${text}.`, 'If this repeats, report it.')
  if (state.startsWith('XX') || state.startsWith('58'))
    return error('TARGET_IO', 'retry', `${at} failed (${state}).`, 'See the log of the server.')
  return error(
    'SINK_SCHEMA',
    'stop',
    `${at} refuses a statement (${state}${state.startsWith('42') ? `: ${text}` : placeOf(cause)}).`,
    'Undo what changed the tables of the sink by hand, or build it anew: tailrace backfill --sink, or remove --sink, then run.',
  )
}

const LOGIN_HINT =
  'Check user, password and database in `url` (special characters percent-encoded), and the server’s pg_hba.conf.'
const TLS_HINT =
  'Without sslmode in `url` every server but a local one must prove itself (verify-full). Name its root certificate with sslrootcert, or say sslmode=disable where the network is safe.'
const RIGHTS_HINT = '`tailrace check` names each privilege that is missing and the statement that grants it.'

/** The server is starting, stopping, full or gone, or has ended the session. */
const AWAY = /^(08...|53300|53400|57P0.|57014|25P03|25P04)$/

function constraintError(cause: unknown, at: string): TailraceError {
  return new TailraceError('SINK_CONSTRAINT', 'stop', `${at}: a foreign key is violated${placeOf(cause)}.`, {
    cause,
    hint: 'Rows come table by table, not in the order of foreign keys. Make it deferrable (ALTER TABLE ... ALTER CONSTRAINT ... DEFERRABLE), or drop it, then resume the sink.',
  })
}

/** Whether the row is at fault: a value, or a constraint that someone put on the table. */
export function isRowFault(error: unknown): boolean {
  const state = stateOf(error)
  return /^(22|23|54|P0)/.test(state) && state !== '23503'
}

/** Whether a value is at fault. */
export function isValueFault(error: unknown): boolean {
  return /^(22|54)/.test(stateOf(error))
}

export function isDuplicate(error: unknown): boolean {
  return stateOf(error) === '23505'
}

/** Names of what it is about, and no values. */
export function placeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return ''
  const { schema, table, column, constraint } = error as Partial<Record<string, string>>
  const parts = [
    ...(constraint === undefined ? [] : [`constraint "${constraint}"`]),
    ...(column === undefined ? [] : [`column "${column}"`]),
    ...(table === undefined ? [] : [`table "${schema}.${table}"`]),
  ]
  return parts.length === 0 ? '' : `: ${parts.join(' of ')}`
}

/** The SQLSTATE; empty for an error that is not the server's. */
export function stateOf(error: unknown): string {
  const code = errorCode(error) ?? ''
  return /^[0-9A-Z]{5}$/.test(code) && !/^E[A-Z]{4}$/.test(code) ? code : ''
}

function isNetworkError(error: unknown): boolean {
  return /^E[A-Z_]+$/.test(errorCode(error) ?? '') || /terminated|timeout|closed|not queryable/i.test(wordsOf(error))
}

/** Node reports a host with several addresses as one error without a text of its own. */
function wordsOf(error: unknown): string {
  const text = errorMessage(error)
  if (text !== '' || typeof error !== 'object' || error === null || !('errors' in error)) return text
  return Array.isArray(error.errors) ? error.errors.map(errorMessage).join(', ') : text
}
