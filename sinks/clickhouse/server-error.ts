import { TailraceError } from '../../runtime/errors.ts'

/** Codes of https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp */
export const Code = {
  tableExists: 57,
  unknownTable: 60,
  unknownDatabase: 81,
} as const

/** The login, or what its user may do: WRONG_USER and PASSWORD, READONLY, IP_ADDRESS_NOT_ALLOWED, ACCESS_DENIED. */
const REFUSED = new Set([164, 192, 193, 194, 195, 497, 516])
/** NOT_ENOUGH_SPACE, CANNOT_WRITE_TO_FILE_DESCRIPTOR (a full disk). */
const FULL = new Set([75, 243])
/**
 * Goes by: too many queries or parts, memory, timeouts, the network, a table that is read only, a replica or the Keeper
 * out of reach, a query cut off.
 */
const PASSING = new Set([159, 202, 209, 210, 225, 236, 241, 242, 252, 279, 285, 286, 319, 394, 425, 439, 473, 999])

const WAIT = 'Nothing: it is tried again.'

/** What the answer to a request means. Messages of the server hold SQL and values, and are not repeated. */
export function refusal(server: string, status: number, code: number | undefined, body: Buffer): TailraceError {
  const at = `ClickHouse at ${server}`
  const what = code === undefined ? `status ${status}` : `${nameIn(body)} (${code})`
  if (code === undefined ? status === 401 || status === 403 : REFUSED.has(code))
    return new TailraceError('SINK_AUTH', 'stop', `${at} refuses: ${what}.`, {
      hint: 'Check user and password in `url`, and what the user may do (docs/clickhouse.md).',
    })
  if (code === Code.unknownTable || code === Code.unknownDatabase)
    return new TailraceError('SINK_RESTORED', 'retry', `A table of the sink at ${server} was removed.`, {
      hint: 'Nothing: the sink is built anew.',
    })
  if (status === 413)
    return new TailraceError('SINK_BATCH_TOO_LARGE', 'retry', `${at} takes no request of that size.`, { hint: WAIT })
  if (code !== undefined && FULL.has(code))
    return new TailraceError('TARGET_FULL', 'retry', `${at} has no room left: ${what}.`, {
      hint: 'Free some disk; the sink goes on by itself.',
    })
  if (code === undefined ? status === 429 || status >= 500 : PASSING.has(code))
    return new TailraceError('SINK_UNREACHABLE', 'retry', `${at} does not take requests now: ${what}.`, { hint: WAIT })
  return new TailraceError('SINK_REJECTED', 'stop', `${at} refuses a request (${status}): ${what}.`, {
    hint: 'Nothing was skipped. The log of the server says more. Mend the cause and resume the sink; it goes on here.',
  })
}

/** The name that the server gives its error: `Code: 60. DB::Exception: ... (UNKNOWN_TABLE) (version 26.9.2.1)`. */
function nameIn(body: Buffer): string {
  return /\(([A-Z][A-Z0-9_]+)\)(?:\s*\(version|\s*$)/.exec(body.toString('utf8', 0, 64 * 1024))?.[1] ?? 'an error'
}
