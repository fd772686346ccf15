import { errorCode, errorMessage, isTailraceError, TailraceError } from '../../runtime/errors.ts'
import { isTlsError } from '../../runtime/tls.ts'

/** SQLSTATEs of a server that is starting, stopping, full or gone. */
const AWAY = /^(08...|53...|57P0.|25P03)$/

/** What an error of a connection or query means; a TailraceError passes as it is. Never holds the password. */
export function connectionError(error: unknown, server: string): TailraceError {
  if (isTailraceError(error)) return error
  const code = errorCode(error) ?? ''
  const text = describe(error)
  const at = `PostgreSQL at ${server}`
  const refused = (name: string, message: string, hint: string): TailraceError =>
    new TailraceError(name, 'stop', message, { cause: error, hint })

  if (code.startsWith('28') || /^SASL:|password must be a string/.test(text))
    return refused(
      'SOURCE_AUTH',
      `${at} refuses the login: ${text}.`,
      'Check user and password in `url` (special characters percent-encoded), and the server’s pg_hba.conf.',
    )
  if (isTlsError(error) || text.includes('does not support SSL'))
    return refused(
      'SOURCE_TLS',
      `${at} cannot be reached over TLS: ${text}.`,
      'Without sslmode in `url` every server but a local one must prove itself (verify-full). Name its root certificate with sslrootcert, or say sslmode=disable where the network is safe.',
    )
  if (code === '08P01' && text.includes('startup parameter'))
    return refused(
      'SOURCE_PREREQUISITE',
      `${at} is a connection pooler: ${text}.`,
      'Replication needs the server itself: put its own host and port into `url`.',
    )
  if (code === '3D000')
    return refused('SOURCE_PREREQUISITE', `${at}: ${text}.`, 'Name a database that exists in `url`.')
  if (code === '42501')
    return refused(
      'SOURCE_PREREQUISITE',
      `${at} lacks a privilege: ${text}.`,
      '`tailrace check` names each privilege that is missing and the statement that grants it.',
    )
  if (
    (code === '' && /terminated|timeout|closed|not queryable/i.test(text)) ||
    AWAY.test(code) ||
    /^E[A-Z_]+$/.test(code)
  )
    return new TailraceError('SOURCE_UNREACHABLE', 'retry', `${at} does not answer: ${text}.`, {
      cause: error,
      hint: 'Is the server up, and are host and port in `url` right? It is tried again until it answers.',
    })
  return new TailraceError('SOURCE_FAILED', 'retry', `${at} reports ${code === '' ? 'an error' : code}: ${text}.`, {
    cause: error,
  })
}

/** Node reports a host with several addresses as one error without a text of its own. */
function describe(error: unknown): string {
  const text = errorMessage(error)
  if (text !== '' || typeof error !== 'object' || error === null || !('errors' in error)) return text
  return Array.isArray(error.errors) ? error.errors.map(errorMessage).join(', ') : text
}
