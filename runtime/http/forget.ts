import { z } from 'zod'
import { answerJson } from './answer.ts'
import { readBody } from './body.ts'
import type { Exchange } from './exchange.ts'
import { decodeName } from './row.ts'

const MOST_KEYS = 10_000

const body = z.strictObject({ keys: z.array(z.string()).min(1).max(MOST_KEYS) })

/** Removes deleted rows from the log and from files of the sinks; answers the receipt once nothing of them is left. */
export async function forget({ pipeline, name, request, response, signal }: Exchange): Promise<void> {
  const { keys } = await readBody(request, body)
  answerJson(response, 200, await pipeline.forget(decodeName(name), keys, signal))
}
