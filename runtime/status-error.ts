import type { TailraceError } from './errors.ts'
import { redact } from './logger.ts'
import type { StatusError } from './status.ts'

/** An error as status shows it, without credentials. */
export function statusError(error: TailraceError | undefined): StatusError | null {
  if (error === undefined) return null
  const { code, message, hint } = error
  return { code, message: redact(message), hint: hint === undefined ? null : redact(hint) }
}
