import type { ServerResponse } from 'node:http'
import { abortable } from '../abort.ts'
import { errorMessage, isTailraceError, TailraceError } from '../errors.ts'
import { redact } from '../logger.ts'

/** Writing answers, all of them JSON unless said otherwise. */

const STATUS: Readonly<Record<string, number>> = {
  REQUEST_INVALID: 400,
  CONFIG_PATTERN: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  NOT_FOUND: 404,
  UNKNOWN_SOURCE: 404,
  UNKNOWN_SINK: 404,
  UNKNOWN_TABLE: 404,
  ROW_MISSING: 404,
  METHOD_NOT_ALLOWED: 405,
  NO_GENERATION: 404,
  GENERATION_SHAPE: 409,
  VERIFY_BUSY: 409,
  REBUILD_BUSY: 409,
  TABLE_WITHOUT_KEY: 409,
  FORGET_KEY: 400,
  FORGET_LIVE: 409,
  FORGET_UNREAD: 409,
  FORGET_LOADING: 409,
  CURSOR_EXPIRED: 410,
  CURSOR_FOREIGN: 410,
  CONTENT_TYPE: 415,
  LOOKUP_UNSUPPORTED: 501,
  VERIFY_UNSUPPORTED: 501,
  COMPACT_UNSUPPORTED: 501,
  FORGET_UNSUPPORTED: 501,
  SINK_GENERATIONS: 501,
  PART_NOT_RUNNING: 503,
  STARTING: 503,
  WAIT_TIMEOUT: 504,
}

export function answerJson(response: ServerResponse, status: number, body: unknown): void {
  answerText(response, status, 'application/json', `${JSON.stringify(body)}\n`)
}

export function answerText(response: ServerResponse, status: number, type: string, text: string): void {
  const bytes = Buffer.from(text)
  response.writeHead(status, {
    'content-type': type,
    'content-length': bytes.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  response.end(bytes)
}

/** `{"error": {"code", "message", "hint"}}` with the status that fits the code. */
export function answerError(response: ServerResponse, error: unknown): void {
  const body = errorBody(error)
  if (body.code === 'UNAUTHORIZED') response.setHeader('www-authenticate', 'Bearer realm="tailrace"')
  if (body.code === 'STARTING') response.setHeader('retry-after', '1')
  answerJson(response, STATUS[body.code] ?? 500, { error: body })
}

export function errorBody(error: unknown): { code: string; message: string; hint: string | null } {
  if (!isTailraceError(error)) return { code: 'INTERNAL', message: redact(errorMessage(error)), hint: null }
  const { code, message, hint } = error
  return { code, message: redact(message), hint: hint === undefined ? null : redact(hint) }
}

/** Resolves once the client has taken what was written. */
export function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  const drain = new Promise<void>(resolve => {
    response.once('drain', resolve)
  })
  return abortable(drain, signal)
}

export function invalidRequest(message: string, hint: string): TailraceError {
  return new TailraceError('REQUEST_INVALID', 'stop', message, { hint })
}
