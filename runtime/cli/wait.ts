import { needProcess } from './client.ts'
import { type Context, print, printJson } from './context.ts'
import { EXIT } from './exit-code.ts'

export interface WaitOptions {
  /** Seconds. */
  readonly timeout: number
  readonly sink?: readonly string[]
}

/**
 * Returns when the sinks hold all that was committed at the sources before the call; exit 4 where it is interrupted
 * before. Throws WAIT_TIMEOUT (exit 4), NOT_RUNNING.
 */
export async function wait(context: Context, { timeout, sink = [] }: WaitOptions): Promise<number> {
  try {
    const client = await needProcess(context)
    const query = new URLSearchParams({ timeout: String(timeout) })
    for (const name of sink) query.append('sink', name)
    const response = await client.ask(`/wait?${query}`, { signal: context.signal })
    const answer = (await response.json()) as { milliseconds: number }
    if (context.json) printJson(context.io, answer)
    else print(context.io, `Applied after ${answer.milliseconds} ms.`)
    return EXIT.fine
  } catch (error) {
    if (!context.signal.aborted) throw error
    return EXIT.inVain
  }
}
