import { TailraceError } from '../errors.ts'
import { needProcess } from './client.ts'
import { type Context, print, printJson } from './context.ts'
import { EXIT } from './exit-code.ts'

export interface PartOptions {
  readonly source?: string
  readonly sink?: string
}

/** Asks the running process to pause or resume a part. Throws USAGE, NOT_RUNNING, UNKNOWN_SOURCE, UNKNOWN_SINK. */
export async function act(context: Context, verb: 'pause' | 'resume', options: PartOptions): Promise<number> {
  const { kind, name } = onePart(options)
  const client = await needProcess(context)
  await client.ask(`/${kind}s/${encodeURIComponent(name)}/${verb}`, { method: 'POST' })
  if (context.json) printJson(context.io, { [verb]: { [kind]: name } })
  else print(context.io, `${kind} ${name}: ${verb === 'pause' ? 'paused' : 'resumed'}`)
  return EXIT.fine
}

/** The one part that `--source` or `--sink` names. Throws USAGE. */
export function onePart({ source, sink }: PartOptions): { kind: 'source' | 'sink'; name: string } {
  if (source !== undefined && sink === undefined) return { kind: 'source', name: source }
  if (sink !== undefined && source === undefined) return { kind: 'sink', name: sink }
  throw new TailraceError('USAGE', 'stop', 'Name one source or one sink.', {
    hint: '--source NAME or --sink NAME; tailrace status lists them.',
  })
}
