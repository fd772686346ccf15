import { TailraceError } from '../../runtime/errors.ts'

/** As the server writes an error, of a request or of one item of it. */
export interface ServerError {
  readonly type?: string
  readonly reason?: string
  readonly caused_by?: ServerError
}

const WAIT = 'Nothing: it is tried again.'

/** What the answer to a whole request means. */
export function refusal(server: string, status: number, body: Buffer): TailraceError {
  return refusalOf(server, status, errorIn(body))
}

/** The same of one error. Reasons that a server gives for a row hold values of it and are not repeated. */
export function refusalOf(server: string, status: number, error: ServerError): TailraceError {
  const at = `The search engine at ${server}`
  const what = error.type ?? `status ${status}`
  if (what === 'cluster_block_exception')
    return new TailraceError('TARGET_FULL', 'retry', `${at} has closed the index for writing.`, {
      hint: 'Its disk is most likely nearly full (flood stage). Free some; the sink goes on by itself once the block is lifted.',
    })
  if (status === 401 || status === 403)
    return new TailraceError('SINK_AUTH', 'stop', `${at} refuses: ${what}.`, {
      hint: 'Check user and password in `url`, or `apiKey`, and what they may do (docs/elasticsearch.md).',
    })
  if (status === 404 && /^(index_not_found|alias)/.test(what))
    return new TailraceError('SINK_RESTORED', 'retry', `An index of the sink at ${server} was removed.`, {
      hint: 'Nothing: the sink is built anew.',
    })
  if (status === 413)
    return new TailraceError('SINK_BATCH_TOO_LARGE', 'retry', `${at} takes no request of that size.`, { hint: WAIT })
  if (status === 429 || status >= 500)
    return new TailraceError('SINK_UNREACHABLE', 'retry', `${at} does not take requests now: ${what}.`, { hint: WAIT })
  const reason = error.reason === undefined ? what : `${what}: ${error.reason}`
  return new TailraceError('SINK_REJECTED', 'stop', `${at} refuses a request (${status}): ${reason}.`, {
    hint: 'Nothing was skipped. Mend the cause and resume the sink; it goes on at this batch.',
  })
}

/** Why a row was refused, without any value of it. */
export function rowRefusal({ type = 'refused', reason = '', caused_by: cause }: ServerError): string {
  const field = /field \[([^\]]+)\]|for \[([^\]]+)\]/.exec(`${reason} ${cause?.reason ?? ''}`)
  const why = cause?.type === undefined ? type : `${type} (${cause.type})`
  return field === null ? why : `${why} in field "${field[1] ?? field[2]}"`
}

function errorIn(body: Buffer): ServerError {
  try {
    const { error } = JSON.parse(body.toString()) as { error?: ServerError | string }
    return typeof error === 'string' ? { reason: error } : (error ?? {})
  } catch {
    return {}
  }
}
