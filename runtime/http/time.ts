import { invalidRequest } from './answer.ts'

/** Microseconds since 1970 of an ISO 8601 time. Throws REQUEST_INVALID. */
export function parseTime(text: string): bigint {
  const milliseconds = Date.parse(text)
  if (Number.isNaN(milliseconds)) throw invalidRequest('`since` is not a time.', 'Write it as 2026-01-31T12:00:00Z.')
  return BigInt(milliseconds) * 1000n
}
