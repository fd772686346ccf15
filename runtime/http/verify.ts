import type { VerifyEvents } from '../verify-report.ts'
import { drained, errorBody, invalidRequest } from './answer.ts'
import type { Exchange } from './exchange.ts'

/**
 * Compares a sink with its sources and answers a line of JSON for whatever there is to tell: `{"progress"}`,
 * `{"difference"}`, `{"unsettled"}`, and at the end `{"report"}` or `{"error"}`. It ends when the client leaves.
 */
export async function verify({ pipeline, name, query, response, signal }: Exchange): Promise<void> {
  const tables = query.getAll('table')
  const fix = query.get('fix') ?? 'false'
  if (fix !== 'true' && fix !== 'false') throw invalidRequest('`fix` is neither true nor false.', 'fix=true')
  const say = async (line: object): Promise<void> => {
    if (!response.headersSent)
      response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' })
    if (!response.write(`${JSON.stringify(line)}\n`)) await drained(response, signal)
  }
  const events: VerifyEvents = {
    difference: difference => say({ difference }),
    unsettled: unsettled => say({ unsettled }),
    progress: progress => say({ progress }),
  }
  const request = { sink: name, tables: tables.length === 0 ? undefined : tables, fix: fix === 'true' }
  try {
    await say({ report: await pipeline.verify(request, events, signal) })
  } catch (error) {
    if (signal.aborted || !response.headersSent) throw error
    // Too late for a status: the last line says why it ends.
    await say({ error: errorBody(error) })
  }
  response.end()
}
