import { errorMessage, isTailraceError, TailraceError } from '../../runtime/errors.ts'
import { isTlsError } from '../../runtime/tls.ts'

/** https://kafka.apache.org/protocol#protocol_error_codes */
const Code = {
  corruptMessage: 2,
  unknownTopic: 3,
  messageTooLarge: 10,
  invalidTopic: 17,
  recordsTooLarge: 18,
  topicForbidden: 29,
  clusterForbidden: 31,
  unknownMechanism: 33,
  wrongLoginState: 34,
  invalidPartitions: 37,
  invalidReplication: 38,
  invalidConfig: 40,
  invalidRequest: 42,
  againstPolicy: 44,
  noSecurity: 54,
  loginFailed: 58,
  unknownCompression: 76,
  invalidRecord: 87,
} as const

const OF_THE_MESSAGE = new Set<unknown>([
  Code.corruptMessage,
  Code.messageTooLarge,
  Code.recordsTooLarge,
  Code.invalidRecord,
])
const OF_THE_LOGIN = new Set<unknown>([
  Code.topicForbidden,
  Code.clusterForbidden,
  Code.unknownMechanism,
  Code.wrongLoginState,
  Code.noSecurity,
  Code.loginFailed,
])
const OF_THE_OPTIONS = new Set<unknown>([
  Code.invalidTopic,
  Code.invalidPartitions,
  Code.invalidReplication,
  Code.invalidConfig,
  Code.invalidRequest,
  Code.againstPolicy,
  Code.unknownCompression,
])

/** What the protocol calls that which is wrong with a message; undefined: nothing is. */
export function refusalOf(error: unknown): string | undefined {
  const refusal = causesOf(error).find(each => OF_THE_MESSAGE.has(codeOf(each)))
  return refusal === undefined ? undefined : String((refusal as { type?: unknown }).type)
}

/** What an error of the client means; a TailraceError passes as it is. */
export function clusterError(server: string, error: unknown): TailraceError {
  if (isTailraceError(error)) return error
  const causes = causesOf(error)
  const codes = causes.map(codeOf)
  const who = `The Kafka cluster at ${server}`
  const text = errorMessage(error)
  if (causes.some(isTlsError))
    return new TailraceError('SINK_TLS', 'stop', `${who} cannot be reached over TLS: ${text}.`, {
      cause: error,
      hint: 'Name its root certificate with sslrootcert in `url`; sslmode=disable where it does not speak TLS and the network is safe.',
    })
  if (codes.some(code => OF_THE_LOGIN.has(code)) || causes.some(isLoginError))
    return new TailraceError('SINK_AUTH', 'stop', `${who} refuses the login, or what is asked: ${text}.`, {
      cause: error,
      hint: 'Check user and password in `url`, `mechanism`, and its rights: Describe, Write and Create of topics (kafka.md).',
    })
  if (codes.some(code => OF_THE_OPTIONS.has(code)))
    return new TailraceError('SINK_REJECTED', 'stop', `${who} refuses what the options ask for: ${text}.`, {
      cause: error,
      hint: 'Check `name`, `partitions`, `replication`, `topicConfig` and `compression`. Nothing was skipped; resume the sink.',
    })
  if (codes.includes(Code.unknownTopic))
    return new TailraceError('SINK_RESTORED', 'retry', `A topic at ${server} is not there any more.`, {
      cause: error,
      hint: 'It is made anew. What it held does not come by itself: tailrace replay --sink sends it again.',
    })
  return new TailraceError('SINK_UNREACHABLE', 'retry', `${who} cannot be reached: ${text}.`, {
    cause: error,
    hint: 'Check hosts and ports in `url`, and whether they speak TLS (sslmode). It is tried for ever.',
  })
}

const DEPTH = 8

/** The error and those behind it. */
function causesOf(error: unknown): unknown[] {
  const causes: unknown[] = []
  for (let each = error; each !== undefined && each !== null && causes.length < DEPTH; ) {
    causes.push(each)
    each = (each as { cause?: unknown }).cause
  }
  return causes.flatMap(each => [each, ...((each as { errors?: unknown[] }).errors ?? [])])
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown }).code
}

function isLoginError(error: unknown): boolean {
  return (error as { name?: unknown }).name === 'KafkaJSSASLAuthenticationError'
}
