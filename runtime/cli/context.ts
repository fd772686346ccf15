import { createInterface } from 'node:readline/promises'
import { TailraceError } from '../errors.ts'

/** Where a verb reads and writes. */
export interface Io {
  readonly out: NodeJS.WritableStream & { isTTY?: boolean; columns?: number }
  readonly err: NodeJS.WritableStream & { isTTY?: boolean; columns?: number }
  readonly in: NodeJS.ReadableStream & { isTTY?: boolean }
}

/** What every verb is given. */
export interface Context {
  readonly io: Io
  /** Of the configuration file, as written. */
  readonly config: string
  readonly json: boolean
  /** Of a running process, instead of the one found through the log folder. */
  readonly url: string | undefined
  /** Aborts at the first SIGINT or SIGTERM. */
  readonly signal: AbortSignal
}

export function print(io: Io, text: string): void {
  io.out.write(`${text}\n`)
}

export function printJson(io: Io, value: unknown): void {
  io.out.write(`${JSON.stringify(value)}\n`)
}

/** True if a person sits there to be asked. */
export function isInteractive(io: Io): boolean {
  return io.in.isTTY === true && io.out.isTTY === true
}

/** Asks for yes or no; `yes` answers beforehand. Throws NOT_CONFIRMED, also where nobody can be asked. */
export async function confirm(context: Context, question: string, yes: boolean): Promise<void> {
  if (yes) return
  if (!isInteractive(context.io))
    throw new TailraceError('NOT_CONFIRMED', 'stop', `${question} Nobody can be asked here.`, {
      hint: 'Give --yes to do it without a question.',
    })
  const lines = createInterface({ input: context.io.in, output: context.io.out })
  try {
    const answer = await lines.question(`${question} [y/N] `, { signal: context.signal })
    if (/^y(es)?$/i.test(answer.trim())) return
  } finally {
    lines.close()
  }
  throw new TailraceError('NOT_CONFIRMED', 'stop', 'Nothing was done.')
}
