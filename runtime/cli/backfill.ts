import { sleep } from '../abort.ts'
import { TailraceError } from '../errors.ts'
import type { PipelineStatus, StatusError, TableStatus } from '../status.ts'
import { onePart, type PartOptions } from './act.ts'
import { type Client, needProcess } from './client.ts'
import { type Context, type Io, print, printJson } from './context.ts'
import { EXIT } from './exit-code.ts'
import { type RebuildVerbOptions, rebuild } from './rebuild.ts'
import { phaseText } from './render-status.ts'
import { count, cutToWidth } from './terminal.ts'

export interface BackfillVerbOptions extends PartOptions, RebuildVerbOptions {
  readonly table?: readonly string[]
  readonly resnapshot?: boolean
  readonly yes?: boolean
}

const LOOK_MS = 500

/** Of a source or of a sink. Throws USAGE where it is not said of which, or where options of the other are given. */
export async function backfill(context: Context, options: BackfillVerbOptions): Promise<number> {
  const { kind, name } = onePart(options)
  const { table, resnapshot, yes, verify, rollback } = options
  const foreign = kind === 'source' ? { verify, rollback } : { table, resnapshot, yes }
  for (const [option, value] of Object.entries(foreign))
    if (value !== undefined)
      throw new TailraceError('USAGE', 'stop', `--${option} is not for a ${kind}.`, {
        hint: 'tailrace backfill --help lists the options.',
      })
  return kind === 'source' ? await backfillSource(context, name, options) : await rebuild(context, name, options)
}

/**
 * Reads rows of a source again while it streams, and waits until that has ended. Once it was accepted it goes on without
 * this verb, over restarts too. Throws NOT_RUNNING, UNKNOWN_SOURCE, UNKNOWN_TABLE, PART_NOT_RUNNING and the error of
 * a load that fails.
 */
async function backfillSource(context: Context, source: string, options: BackfillVerbOptions): Promise<number> {
  const { table: tables, resnapshot = false, yes = false, detach = false } = options
  const { io, json, signal } = context
  const client = await needProcess(context)
  const accepted = await client.ask(`/sources/${encodeURIComponent(source)}/backfill`, {
    method: 'POST',
    body: JSON.stringify({ tables, resnapshot, yes }),
  })
  const names = ((await accepted.json()) as { tables: string[] }).tables
  const word = resnapshot ? 'resnapshot' : 'backfill'
  if (detach) {
    if (json) printJson(io, { [word]: { source, tables: names, done: false } })
    else print(io, `${source}: ${names.length === 0 ? 'there is nothing to read again' : names.join(', ')}`)
    return EXIT.fine
  }
  const ended = await untilEnded(client, source, names, progressLines(io, json), signal)
  if (json) printJson(io, { [word]: { source, tables: ended.map(({ table, rows }) => ({ table, rows })), done: true } })
  else for (const { table, rows } of ended) print(io, `${table}: ${count(rows ?? 0)} rows read`)
  return EXIT.fine
}

/** The tables as they stand when none of them is being read any more. */
async function untilEnded(
  client: Client,
  source: string,
  names: readonly string[],
  show: (tables: readonly TableStatus[]) => void,
  signal: AbortSignal,
): Promise<readonly TableStatus[]> {
  for (;;) {
    const response = await client.ask('/status', { signal })
    const status = ((await response.json()) as PipelineStatus).sources[source]
    const tables = status?.tables.filter(({ table }) => names.includes(table)) ?? []
    const reading = tables.filter(({ state }) => state === 'loading' || state === 'resyncing')
    show(reading)
    for (const { state, error } of [...(status === undefined ? [] : [status]), ...tables])
      if (state === 'failed' && error !== null) throw failure(error)
    if (reading.length === 0) return tables
    await sleep(LOOK_MS, signal)
  }
}

function failure({ code, message, hint }: StatusError): TailraceError {
  return new TailraceError(code, 'stop', message, hint === null ? {} : { hint })
}

/** On a terminal: a line for each table, redrawn in place. */
function progressLines({ err }: Io, json: boolean): (tables: readonly TableStatus[]) => void {
  let drawn = 0
  if (err.isTTY !== true || process.env.TERM === 'dumb' || json) return () => {}
  return tables => {
    if (drawn > 0) err.write(`\u001b[${drawn}A\u001b[J`)
    for (const { table, state, progress, error } of tables) {
      const trouble = error === null ? '' : `  ${error.code}, trying again`
      err.write(`${cutToWidth(err, `${table}  ${phaseText(state, progress)}${trouble}`)}\n`)
    }
    drawn = tables.length
  }
}
