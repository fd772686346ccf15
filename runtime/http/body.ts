import type { IncomingMessage } from 'node:http'
import { type ZodType, z } from 'zod'
import { invalidRequest } from './answer.ts'

const MOST_BYTES = 1024 * 1024

/** The body of a POST as JSON of this shape; none at all is `{}`. Throws REQUEST_INVALID. */
export async function readBody<T>(request: IncomingMessage, shape: ZodType<T>): Promise<T> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length
    if (size > MOST_BYTES) throw invalidRequest('The body is larger than 1 MB.', '/openapi.json describes it.')
    parts.push(part)
  }
  const text = Buffer.concat(parts).toString('utf8')
  const parsed = shape.safeParse(text.trim() === '' ? {} : json(text))
  if (parsed.success) return parsed.data
  throw invalidRequest(
    `The body is not what is expected: ${z.prettifyError(parsed.error)}`,
    '/openapi.json describes it.',
  )
}

function json(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw invalidRequest('The body is not JSON.', '/openapi.json describes it.')
  }
}
