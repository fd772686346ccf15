import { TailraceError } from '../errors.ts'
import { needProcess } from './client.ts'
import { type Context, print, printJson } from './context.ts'
import { EXIT } from './exit-code.ts'

export interface ReplayOptions {
  readonly sink: string
  readonly from?: string
  readonly since?: string
}

/**
 * Has a sink read a part of the log once more: one that keeps every change emits them again, one that keeps rows comes to
 * the same rows again. Throws NOT_RUNNING, UNKNOWN_SINK, CURSOR_FOREIGN, CURSOR_EXPIRED, PART_NOT_RUNNING, USAGE.
 */
export async function replay(context: Context, { sink, from, since }: ReplayOptions): Promise<number> {
  if ((from === undefined) === (since === undefined))
    throw new TailraceError('USAGE', 'stop', 'Say where to read on: --from CURSOR or --since TIME.', {
      hint: 'tailrace changes --json prints the cursor of each change; --from start is the beginning of the log.',
    })
  const client = await needProcess(context)
  const response = await client.ask(`/sinks/${encodeURIComponent(sink)}/replay`, {
    method: 'POST',
    body: JSON.stringify({ from, since }),
    signal: context.signal,
  })
  const { from: places } = (await response.json()) as { from: Record<string, string> }
  if (context.json) printJson(context.io, { replay: { sink, from: places } })
  else
    for (const [source, cursor] of Object.entries(places)) print(context.io, `${sink} reads ${source} from ${cursor}`)
  return EXIT.fine
}
