import { errorCode, errorMessage, isTailraceError, TailraceError } from '../../runtime/errors.ts'
import { addressName, type ServerAddress } from '../../runtime/server-address.ts'
import { isTlsError } from '../../runtime/tls.ts'

/** mysql2's own codes of TLS that the server or its certificate refuses. */
const HANDSHAKE = /^HANDSHAKE_(NO_)?SSL/

/** Numbers of errors (https://dev.mysql.com/doc/mysql-errors/en/server-error-reference.html), the same in MariaDB. */
export const ServerError = {
  dbAccessDenied: 1044,
  accessDenied: 1045,
  serverShutdown: 1053,
  tableUnknown: 1146,
  tableChanged: 1412,
  columnUnknown: 1054,
  tooManyConnections: 1040,
  tableAccessDenied: 1142,
  columnAccessDenied: 1143,
  specificAccessDenied: 1227,
  lockWaitTimeout: 1205,
  queryInterrupted: 1317,
  masterFatal: 1236,
  databaseUnknown: 1049,
} as const

const DENIED = new Set<number>([
  ServerError.dbAccessDenied,
  ServerError.tableAccessDenied,
  ServerError.columnAccessDenied,
  ServerError.specificAccessDenied,
])
const AWAY = new Set<number>([ServerError.serverShutdown, ServerError.tooManyConnections, 1077, 1079, 1080, 1152, 1927])

/** The server's number of an error; undefined if it is none of the server's. */
export function serverErrno(error: unknown): number | undefined {
  const own = numberOf(error)
  if (own !== undefined) return own
  const cause = error instanceof Error || isTailraceError(error) ? error.cause : undefined
  return numberOf(cause)
}

function numberOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('errno' in error) || !('sqlState' in error)) return undefined
  return typeof error.errno === 'number' ? error.errno : undefined
}

/** What an error of a connection or query means; a TailraceError passes as it is. Never holds the password. */
export function mysqlError(error: unknown, address: ServerAddress): TailraceError {
  if (isTailraceError(error)) return error
  const errno = serverErrno(error)
  const code = errorCode(error) ?? ''
  const text = describe(error)
  const at = `The server at ${addressName(address)}`
  const refused = (name: string, message: string, hint: string): TailraceError =>
    new TailraceError(name, 'stop', message, { cause: error, hint })

  if (errno === ServerError.accessDenied || code === 'AUTH_SWITCH_PLUGIN_ERROR')
    return refused(
      'SOURCE_AUTH',
      `${at} refuses the login: ${text}.`,
      'Check user and password in `url` (special characters percent-encoded), and the host that the account is for.',
    )
  if (isTlsError(error) || HANDSHAKE.test(code))
    return refused(
      'SOURCE_TLS',
      `${at} cannot be reached over TLS: ${text}.`,
      'Without sslmode in `url` every server but a local one must prove itself (verify-full). Name its root certificate with sslrootcert, or say sslmode=disable where the network is safe.',
    )
  if (errno === ServerError.databaseUnknown)
    return refused('SOURCE_PREREQUISITE', `${at}: ${text}.`, 'Name a database that exists in `url`, or none.')
  if (errno !== undefined && DENIED.has(errno))
    return refused(
      'SOURCE_PREREQUISITE',
      `${at} lacks a privilege: ${text}.`,
      '`tailrace check` names each privilege that is missing and the statement that grants it.',
    )
  if ((errno !== undefined && AWAY.has(errno)) || isNetwork(code, text))
    return new TailraceError('SOURCE_UNREACHABLE', 'retry', `${at} does not answer: ${text}.`, {
      cause: error,
      hint: 'Is the server up, and are host and port in `url` right? It is tried again until it answers.',
    })
  return new TailraceError('SOURCE_FAILED', 'retry', `${at} reports ${errno ?? (code || 'an error')}: ${text}.`, {
    cause: error,
  })
}

function isNetwork(code: string, text: string): boolean {
  if (code === 'PROTOCOL_CONNECTION_LOST' || code === 'PROTOCOL_SEQUENCE_TIMEOUT') return true
  return /^E[A-Z]+$/.test(code) || /closed state|connection.*(closed|lost|destroyed)/i.test(text)
}

/** Node reports a host with several addresses as one error without a text of its own. */
function describe(error: unknown): string {
  const text = errorMessage(error)
  if (text !== '' || typeof error !== 'object' || error === null || !('errors' in error)) return text
  return Array.isArray(error.errors) ? error.errors.map(errorMessage).join(', ') : text
}
