import { errorCode, errorMessage, isTailraceError, TailraceError } from '../../runtime/errors.ts'
import { isTlsError } from '../../runtime/tls.ts'

/** What an error of a connection over HTTP means; a TailraceError passes as it is. `who`: `The service at host:port`. */
export function connectionError(who: string, error: unknown): TailraceError {
  if (isTailraceError(error)) return error
  const text = errorMessage(error) || (errorCode(error) ?? 'no reason given')
  if (isTlsError(error))
    return new TailraceError('SINK_TLS', 'stop', `${who} cannot be reached over TLS: ${text}.`, {
      cause: error,
      hint: 'Name its root certificate with sslrootcert in `url`, and say https:// where it speaks TLS.',
    })
  return new TailraceError('SINK_UNREACHABLE', 'retry', `${who} cannot be reached: ${text}.`, {
    cause: error,
    hint: 'Check server, host and port in `url`, and whether it speaks TLS (https://). It is tried for ever.',
  })
}
