import { compactLog } from '../compact.ts'
import { answerJson } from './answer.ts'
import type { Exchange } from './exchange.ts'

/** Compacts the log of a source now, and answers what came of it. It ends when the client leaves. */
export async function compact({ pipeline, name, response, signal }: Exchange): Promise<void> {
  answerJson(response, 200, await compactLog(pipeline.log(name), signal))
}
