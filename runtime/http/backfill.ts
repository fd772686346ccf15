import { z } from 'zod'
import { answerJson } from './answer.ts'
import { readBody } from './body.ts'
import type { Exchange } from './exchange.ts'

const body = z.strictObject({
  tables: z.array(z.string()).min(1).optional(),
  resnapshot: z.boolean().default(false),
  yes: z.boolean().default(false),
})

/** Rows of a source are read again beside its stream; 202 with the tables once that is durable. */
export async function backfillSource({ pipeline, name, request, response, signal }: Exchange): Promise<void> {
  const { tables, resnapshot, yes } = await readBody(request, body)
  const accepted = await pipeline.backfill(name, { tables, resnapshot, yes }, signal)
  answerJson(response, 202, { accepted: true, tables: accepted })
}
