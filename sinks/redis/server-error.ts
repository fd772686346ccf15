import { errorCode, errorMessage, isTailraceError, TailraceError } from '../../runtime/errors.ts'
import { isTlsError } from '../../runtime/tls.ts'

const CLUSTER_HINT = 'Give the url of a single Redis or Valkey primary (cluster-enabled no).'

/** By the first word of the server's error. */
const REFUSALS: readonly (readonly [RegExp, (at: string, text: string) => TailraceError])[] = [
  [
    /^(NOAUTH|WRONGPASS|NOPERM|ERR (AUTH|Client sent AUTH|invalid password))\b/,
    (at, text) =>
      new TailraceError('SINK_AUTH', 'stop', `${at} refuses: ${text}.`, {
        hint: 'Check user and password in `url`. An ACL user needs the keys and commands that docs/redis.md lists.',
      }),
  ],
  [
    /^OOM\b/,
    at =>
      new TailraceError('TARGET_FULL', 'retry', `${at} has no memory left (maxmemory).`, {
        hint: 'Raise maxmemory or free some; the sink goes on by itself.',
      }),
  ],
  [
    /^(MISCONF|NOREPLICAS)\b/,
    (at, text) =>
      new TailraceError('TARGET_IO', 'retry', `${at} takes no writes: ${text}.`, {
        hint: 'See the log of the server; the sink goes on by itself.',
      }),
  ],
  [
    /^(LOADING|BUSY|TRYAGAIN|MASTERDOWN|ERR max number of clients)\b/,
    (at, text) =>
      new TailraceError('SINK_UNREACHABLE', 'retry', `${at} does not answer yet: ${text}.`, {
        hint: 'Nothing: it is tried again.',
      }),
  ],
  [/^READONLY\b/, at => replicaError(at)],
  [/^(MOVED|ASK|CROSSSLOT|CLUSTERDOWN)\b|cluster mode/, at => clusterError(at, 'is part of a cluster')],
  [
    /^ERR (DB index|invalid DB index)/,
    at =>
      new TailraceError('CONFIG_URL', 'stop', `${at} has no database of that number.`, {
        hint: 'Give another number behind the host, or raise `databases` of the server.',
      }),
  ],
]

/** What an error reply means. It holds neither values nor keys. */
export function replyError(server: string, error: string): TailraceError {
  const cause = error.replace(/^EXECABORT .*because of: /, '')
  // An unknown command is answered with its arguments, which are rows.
  const text = cause.replace(/,? with args beginning with.*$/s, '').replace(/[.\s]+$/, '')
  const at = `Redis at ${server}`
  for (const [pattern, make] of REFUSALS) if (pattern.test(text)) return make(at, text)
  return new TailraceError('SINK_REJECTED', 'stop', `${at} refuses a command: ${text}.`, {
    hint: 'Nothing was skipped. Mend the cause and resume the sink; it goes on at this batch.',
  })
}

export function clusterError(at: string, what: string): TailraceError {
  return new TailraceError('SINK_CLUSTER', 'stop', `${at} ${what}: rows and cursor cannot move together there.`, {
    hint: CLUSTER_HINT,
  })
}

export function replicaError(at: string): TailraceError {
  return new TailraceError('SINK_REPLICA', 'retry', `${at} is a replica.`, {
    hint: 'Give the address of the primary. After a failover it passes by itself.',
  })
}

/** What an error of the connection means; a TailraceError passes as it is. */
export function connectionError(server: string, error: unknown): TailraceError {
  if (isTailraceError(error)) return error
  const text = describe(error)
  if (isTlsError(error))
    return new TailraceError('SINK_TLS', 'stop', `Redis at ${server} cannot be reached over TLS: ${text}.`, {
      cause: error,
      hint: 'Every server but a local one must prove itself (verify-full). Name its root certificate with sslrootcert in `url`, or say sslmode=disable where the network is safe.',
    })
  return new TailraceError('SINK_UNREACHABLE', 'retry', `Redis at ${server} cannot be reached: ${text}.`, {
    cause: error,
    hint: 'Check server, host and port, and whether it speaks TLS (sslmode in `url`). It is tried for ever.',
  })
}

/** Node's error of several addresses tried has no message of its own. */
function describe(error: unknown): string {
  return errorMessage(error) || (errorCode(error) ?? 'no reason given')
}
