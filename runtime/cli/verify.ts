import { TailraceError } from '../errors.ts'
import type { StatusError } from '../status.ts'
import type { Difference, Unsettled, VerifyProgress, VerifyReport } from '../verify-report.ts'
import { answerLines, needProcess } from './client.ts'
import { type Context, print, printJson } from './context.ts'
import { EXIT } from './exit-code.ts'
import { RedrawnLines } from './redrawn-lines.ts'
import { differenceText, progressText, reportText, unsettledText } from './render-verify.ts'

/** Keys that are named unless all are asked for. */
const NAMED = 100

export interface VerifyOptions {
  readonly sink: string
  readonly table?: readonly string[]
  readonly fix?: boolean
  readonly all?: boolean
}

/** A line of the answer (http/verify.ts). */
type Line =
  | { readonly progress: VerifyProgress }
  | { readonly difference: Difference }
  | { readonly unsettled: Unsettled }
  | { readonly report: VerifyReport }
  | { readonly error: StatusError }

/**
 * Has the running process compare a sink with its sources, and names the keys that differ. Exit 0 if none do or all were
 * mended, else 4, as where it is interrupted. With JSON all keys, a line each, and the report as the last line. Throws
 * NOT_RUNNING and what the process answers.
 */
export async function verify(context: Context, options: VerifyOptions): Promise<number> {
  try {
    const report = await compare(context, options)
    return report.equal ? EXIT.fine : EXIT.inVain
  } catch (error) {
    if (!context.signal.aborted) throw error
    return EXIT.inVain
  }
}

async function compare(context: Context, options: VerifyOptions): Promise<VerifyReport> {
  const { io, json, signal } = context
  const client = await needProcess(context)
  const query = new URLSearchParams({ fix: String(options.fix === true) })
  for (const table of options.table ?? []) query.append('table', table)
  const path = `/sinks/${encodeURIComponent(options.sink)}/verify?${query}`
  const response = await client.ask(path, { method: 'POST', accept: 'application/x-ndjson', signal })
  const screen = new RedrawnLines(io, json)
  const most = options.all === true ? Number.POSITIVE_INFINITY : NAMED
  let named = 0
  const name = (line: object, text: string): void => {
    if (json) printJson(io, line)
    else if (++named <= most) screen.above(() => print(io, text))
  }
  for await (const line of answerLines(response, signal) as AsyncIterable<Line>) {
    if ('progress' in line) {
      if (screen.isPossible) screen.draw([progressText(io.err, line.progress)])
    } else if ('difference' in line) name(line.difference, differenceText(line.difference))
    else if ('unsettled' in line) name({ ...line.unsettled, kind: 'unsettled' }, unsettledText(line.unsettled))
    else if ('error' in line) throw failure(line.error)
    else {
      screen.draw([])
      const { report } = line
      if (json) printJson(io, report)
      else print(io, reportText(io.out, report, Math.max(0, named - most), options.fix === true))
      return report
    }
  }
  throw new TailraceError('NOT_RUNNING', 'stop', 'The process ended before it had compared everything.')
}

function failure({ code, message, hint }: StatusError): TailraceError {
  return new TailraceError(code, 'stop', message, hint === null ? {} : { hint })
}
