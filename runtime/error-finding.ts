import type { Finding } from './contract.ts'
import { errorMessage, isTailraceError } from './errors.ts'

/** What `check` says of an error that it came upon. Throws what is no TailraceError. */
export function errorFinding(error: unknown): Finding {
  if (!isTailraceError(error)) throw error
  const { code, hint } = error
  return { level: 'error', code, message: errorMessage(error), ...(hint === undefined ? {} : { fix: hint }) }
}
