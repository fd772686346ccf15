import { z } from 'zod'
import { answerJson } from './answer.ts'
import { readBody } from './body.ts'
import type { Exchange } from './exchange.ts'

const MOST_KEYS = 10_000

const body = z.strictObject({
  table: z.string().min(1).optional(),
  keys: z.array(z.string()).min(1).max(MOST_KEYS).optional(),
})

type Chosen = { readonly table?: string; readonly keys?: readonly string[] }

/** The rows that the sink's target refused. */
export function listQuarantine({ pipeline, name, response }: Exchange): void {
  answerJson(response, 200, { rows: pipeline.quarantine(name).list() })
}

/** Writes them once more; answers what came of it. */
export async function retryQuarantine({ pipeline, name, request, response, signal }: Exchange): Promise<void> {
  const chosen = (await readBody(request, body)) as Chosen
  answerJson(response, 200, await pipeline.quarantine(name).retry(chosen, signal))
}

/** Forgets them; answers how many. */
export async function dropQuarantine({ pipeline, name, request, response }: Exchange): Promise<void> {
  const chosen = (await readBody(request, body)) as Chosen
  answerJson(response, 200, { dropped: await pipeline.quarantine(name).drop(chosen) })
}
