import { errorCode, errorMessage, isTailraceError, TailraceError } from '../../runtime/errors.ts'
import { connectionError } from '../common/http-error.ts'

/** As the client makes errors of a server's answers. */
interface Answered {
  readonly name?: string
  readonly $metadata?: { readonly httpStatusCode?: number }
  /** Of an answer that the client could not read. */
  readonly $response?: { readonly statusCode?: number }
}

/** The status of the server's answer; undefined: there was none. */
export function statusOf(error: unknown): number | undefined {
  const { $metadata, $response } = error as Answered
  return $metadata?.httpStatusCode ?? $response?.statusCode
}

/** What an error of the client means. `name`: of the place. The server's own text is left out: it may quote keys. */
export function bucketError(name: string, error: unknown): unknown {
  if (isTailraceError(error)) return error
  const what = (error as Answered).name ?? 'Error'
  if (/Credential|^Token(Provider)?Error/.test(what) && statusOf(error) === undefined)
    return new TailraceError('SINK_AUTH', 'stop', `There are no credentials for ${name}.`, {
      cause: error,
      hint: 'Set `accessKeyId` and `secretAccessKey` of the sink, or give them by the environment (docs/parquet.md).',
    })
  const status = statusOf(error)
  if (status === undefined) return isOfNetwork(error) ? connectionError(name, error) : error
  // Not every server says 403 to a key that it does not know.
  if (status === 401 || status === 403 || /AccessKey|UserNotFound|Signature|Authorization|Token$/.test(what))
    return new TailraceError('SINK_AUTH', 'stop', `${name} refuses: ${what}.`, {
      cause: error,
      hint: 'Check the keys and what they may do (docs/parquet.md), and the clock of this machine.',
    })
  if (what === 'NoSuchBucket' || status === 301 || status === 307)
    return new TailraceError('SINK_BUCKET', 'stop', `There is no such bucket: ${name} (${what}).`, {
      cause: error,
      hint: 'Make it, or mend `url`, `endpoint` and `region` of the sink.',
    })
  if (status === 408 || status === 429 || status >= 500)
    return new TailraceError('SINK_UNREACHABLE', 'retry', `${name} does not take requests now: ${what} (${status}).`, {
      cause: error,
      hint: 'Nothing: it is tried again.',
    })
  return new TailraceError('SINK_REJECTED', 'stop', `${name} refuses a request: ${what} (${status}).`, {
    cause: error,
    hint: 'Nothing was skipped. Mend the cause and resume the sink; it goes on with this set.',
  })
}

function isOfNetwork(error: unknown): boolean {
  return errorCode(error) !== undefined || /timeout|timed out|socket|aborted|network/i.test(errorMessage(error))
}
