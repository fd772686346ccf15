import { z } from 'zod'
import { answerJson } from './answer.ts'
import { readBody } from './body.ts'
import type { Exchange } from './exchange.ts'

const body = z.strictObject({ verify: z.boolean().default(false), rollback: z.boolean().default(false) })

/** A sink is built anew beside what it holds; 202 once that is durable. */
export async function rebuildSink({ pipeline, name, request, response, signal }: Exchange): Promise<void> {
  await pipeline.rebuild(name, await readBody(request, body), signal)
  answerJson(response, 202, { accepted: true })
}
