import { TailraceError } from '../errors.ts'
import type { QuarantinedRow, RetryReport } from '../status.ts'
import { needProcess } from './client.ts'
import { type Context, confirm, print, printJson } from './context.ts'
import { EXIT } from './exit-code.ts'
import { table as aligned, count } from './terminal.ts'

export interface QuarantineOptions {
  /** `list`, `retry`, `drop`. */
  readonly argument: string
  readonly sink: string
  readonly table?: string
  readonly key?: readonly string[]
  readonly yes?: boolean
}

/**
 * Lists the rows that a sink's target refused, writes them once more, or forgets them. Exits 4 if some are refused again.
 * Throws NOT_RUNNING, UNKNOWN_SINK, PART_NOT_RUNNING, NOT_CONFIRMED, USAGE.
 */
export async function quarantine(context: Context, options: QuarantineOptions): Promise<number> {
  const { argument: act, sink, table, key: keys, yes = false } = options
  if (act !== 'list' && act !== 'retry' && act !== 'drop')
    throw new TailraceError('USAGE', 'stop', `There is no quarantine ${act}.`, { hint: 'list, retry or drop' })
  const client = await needProcess(context)
  const path = `/sinks/${encodeURIComponent(sink)}/quarantine`
  if (act === 'list') {
    const response = await client.ask(path, { signal: context.signal })
    const { rows } = (await response.json()) as { rows: readonly QuarantinedRow[] }
    const chosen = rows.filter(
      row => (table === undefined || row.table === table) && (keys === undefined || keys.includes(row.key)),
    )
    if (context.json) printJson(context.io, { sink, rows: chosen })
    else print(context.io, listText(context, sink, chosen))
    return EXIT.fine
  }
  if (act === 'drop') await confirm(context, `Leave these rows out of ${sink} until they change?`, yes)
  const response = await client.ask(`${path}/${act}`, {
    method: 'POST',
    body: JSON.stringify({ table, keys }),
    signal: context.signal,
  })
  const answer: unknown = await response.json()
  if (act === 'drop') {
    const { dropped } = answer as { dropped: number }
    if (context.json) printJson(context.io, { sink, dropped })
    else print(context.io, `${count(dropped)} rows dropped`)
    return EXIT.fine
  }
  const report = answer as RetryReport
  if (context.json) printJson(context.io, { sink, ...report })
  else print(context.io, retryText(report))
  return report.refused + report.left > 0 ? EXIT.inVain : EXIT.fine
}

function listText({ io }: Context, sink: string, rows: readonly QuarantinedRow[]): string {
  if (rows.length === 0) return `${sink} has refused no row`
  const lines = rows.map(({ table, key, at, reason }) => [table, key === '' ? '(no key)' : key, at, reason])
  return aligned(io.out, ['TABLE', 'KEY', 'SINCE', 'REASON'], lines)
}

function retryText({ written, refused, left }: RetryReport): string {
  const parts = [`${count(written)} rows written`]
  if (refused > 0) parts.push(`${count(refused)} refused again`)
  if (left > 0) parts.push(`${count(left)} left, which have no key: tailrace replay --sink brings them again`)
  return parts.join(', ')
}
