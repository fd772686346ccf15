import { type DestinationStream, type Logger, pino } from 'pino'
import { isTailraceError } from './errors.ts'

/** Secrets known so far. Text that holds one is masked wherever it is logged or shown. */
const secrets = new Set<string>()

/** Shorter ones would mask ordinary words. */
const SHORTEST_SECRET = 4

/** Masks this text in everything that `redact` passes from now on, also percent-encoded as it stands in a URL. */
export function registerSecret(secret: string): void {
  if (secret.length < SHORTEST_SECRET) return
  secrets.add(secret)
  secrets.add(encodeURIComponent(secret))
}

/** The text without passwords: registered secrets and the password part of URLs become `***`. */
export function redact(text: string): string {
  let clean = text.replace(/([a-z][a-z0-9+.-]*:\/\/[^\s:/@]*):[^\s@/]+@/gi, '$1:***@')
  for (const secret of secrets) if (clean.includes(secret)) clean = clean.replaceAll(secret, '***')
  return clean
}

/** JSON lines on `stream` (default standard error), every line redacted as a whole. */
export function createLogger(level: string, stream: DestinationStream = process.stderr): Logger {
  const redacting: DestinationStream = {
    write(line) {
      stream.write(redact(line))
    },
  }
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      serializers: { err: serializeError },
    },
    redacting,
  )
}

function serializeError(error: unknown): unknown {
  if (isTailraceError(error)) {
    const { code, message, hint, cause } = error
    return { code, message, hint, cause: cause === undefined ? undefined : serializeError(cause) }
  }
  return pino.stdSerializers.err(error as Error)
}
