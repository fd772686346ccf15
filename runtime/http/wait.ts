import { TailraceError } from '../errors.ts'
import { answerJson, invalidRequest } from './answer.ts'
import type { Exchange } from './exchange.ts'

const DEFAULT_SECONDS = 30
const LONGEST_SECONDS = 86_400

/** Answers once the sinks hold all that was committed before the request. Throws WAIT_TIMEOUT after `timeout` seconds. */
export async function wait({ pipeline, query, response, signal }: Exchange): Promise<void> {
  const sinks = query.getAll('sink').flatMap(names => names.split(','))
  const seconds = Number(query.get('timeout') ?? DEFAULT_SECONDS)
  if (!(seconds > 0 && seconds <= LONGEST_SECONDS))
    throw invalidRequest('`timeout` is not a number of seconds.', `From 0.001 to ${LONGEST_SECONDS}.`)
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(new Error('the time is over')), seconds * 1000)
  const started = performance.now()
  try {
    await pipeline.wait(sinks.length === 0 ? undefined : sinks, AbortSignal.any([signal, limit.signal]))
  } catch (error) {
    if (!limit.signal.aborted || signal.aborted) throw error
    throw new TailraceError('WAIT_TIMEOUT', 'stop', `Not everything was applied within ${seconds} s.`, {
      hint: 'tailrace status shows which part is behind, paused or failed.',
    })
  } finally {
    clearTimeout(timer)
  }
  answerJson(response, 200, { applied: true, milliseconds: Math.round(performance.now() - started) })
}
