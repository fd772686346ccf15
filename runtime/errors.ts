/** How the supervisor answers an error: try again, or stop until a person acts. */
export type Recovery = 'retry' | 'resnapshot' | 'stop'

export interface TailraceErrorOptions {
  readonly hint?: string
  readonly cause?: unknown
}

const BRAND = Symbol.for('tailrace.error')

/**
 * Every error Tailrace raises on purpose: a code (docs/errors.md), what happened, what to do. Messages and hints carry
 * no credentials and no row data.
 */
export class TailraceError extends Error {
  readonly [BRAND] = true
  readonly code: string
  readonly recovery: Recovery
  readonly hint: string | undefined

  constructor(code: string, recovery: Recovery, message: string, options: TailraceErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'TailraceError'
    this.code = code
    this.recovery = recovery
    this.hint = options.hint
  }
}

/** Known by its brand, not by `instanceof`: a plugin may bring its own copy of this package. */
export function isTailraceError(error: unknown): error is TailraceError {
  return typeof error === 'object' && error !== null && BRAND in error
}

/** The `code` of a Node, pg or Tailrace error, or undefined. Realm-safe. */
export function errorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

export function errorMessage(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'message' in error) return String(error.message)
  return String(error)
}
