import { z } from 'zod'
import type { ReplayFrom } from '../status.ts'
import { answerJson, invalidRequest } from './answer.ts'
import { readBody } from './body.ts'
import type { Exchange } from './exchange.ts'
import { parseTime } from './time.ts'

const body = z.strictObject({ from: z.string().min(1).optional(), since: z.string().min(1).optional() })

/** A sink reads a part of the log once more; 202 with where, once that is durable. */
export async function replaySink({ pipeline, name, request, response, signal }: Exchange): Promise<void> {
  const from = replayFrom(await readBody(request, body))
  answerJson(response, 202, { accepted: true, from: await pipeline.replay(name, from, signal) })
}

function replayFrom({ from, since }: z.infer<typeof body>): ReplayFrom {
  if (from !== undefined && since === undefined) return { cursor: from }
  if (since !== undefined && from === undefined) return { since: parseTime(since) }
  throw invalidRequest('Either `from` or `since` is needed.', 'from: a cursor, or start. since: a time.')
}
