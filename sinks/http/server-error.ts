import { TailraceError } from '../../runtime/errors.ts'

/** A service says so of a body that it does not want: too large, or wrong in it. */
const OF_THE_BODY = new Set([400, 413, 422])
/** Of all requests. */
const OF_THE_LOGIN = new Set([401, 403, 407])
const BUSY = new Set([408, 425, 429])

/**
 * What it means that a batch was not taken; undefined: that its only change was refused. One of several may be to blame,
 * so they come in parts.
 */
export function refusalOf(server: string, status: number, changes: number): TailraceError | undefined {
  const at = `The service at ${server}`
  if (OF_THE_BODY.has(status)) {
    if (changes === 1) return undefined
    return new TailraceError('SINK_BATCH_TOO_LARGE', 'retry', `${at} refuses ${changes} changes at once (${status}).`, {
      hint: 'Nothing: they are sent in parts.',
    })
  }
  if (OF_THE_LOGIN.has(status))
    return new TailraceError('SINK_AUTH', 'stop', `${at} refuses the login (${status}).`, {
      hint: 'Check user and password in `url`, `headers` and `secret`, then resume the sink.',
    })
  if (BUSY.has(status) || status >= 500)
    return new TailraceError('SINK_UNREACHABLE', 'retry', `${at} does not take requests now (${status}).`, {
      hint: 'Nothing: the batch is sent again, after pauses that grow.',
    })
  return new TailraceError('SINK_REJECTED', 'stop', `${at} answers ${status} to a batch.`, {
    hint: 'Check `url`: redirects are not followed. Nothing was skipped; resume the sink once it is right.',
  })
}
