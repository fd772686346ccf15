import { formatSeconds, formatSize } from '../quantity.ts'
import type { PipelineStatus, Progress, RebuildStatus, SinkStatus, SourceStatus } from '../status.ts'
import { count, cutToWidth, paint, paintState, table } from './terminal.ts'

type Stream = NodeJS.WritableStream & { isTTY?: boolean; columns?: number }

const UNKNOWN = '-'

/** The status as aligned tables. */
export function renderStatus(stream: Stream, status: PipelineStatus): string {
  const { version, pipeline, health, reasons } = status
  const title = `${paint(stream, 'bold', pipeline)}  ${paintState(stream, health)}  tailrace ${version}`
  const sources = Object.entries(status.sources).map(([name, part]) => [
    name,
    part.type,
    paintState(stream, part.state),
    phaseText(part.phase, part.progress),
    lagText(part.lag),
    part.retained.bytes === null ? UNKNOWN : formatSize(part.retained.bytes),
    part.log.bytes === null ? UNKNOWN : formatSize(part.log.bytes),
  ])
  const sinks = Object.entries(status.sinks).map(([name, part]) => [
    name,
    part.type,
    paintState(stream, part.state),
    phaseText(part.phase, part.progress),
    sinkLag(part),
    count(part.applied),
    String(part.quarantined),
  ])
  const blocks = [
    [title, ...reasons.map(reason => `  ${reason}`)].join('\n'),
    table(stream, ['SOURCE', 'TYPE', 'STATE', 'PHASE', 'LAG', 'RETAINED', 'LOG'], sources),
  ]
  if (sinks.length > 0)
    blocks.push(table(stream, ['SINK', 'TYPE', 'STATE', 'PHASE', 'LAG', 'APPLIED', 'QUARANTINED'], sinks))
  const rebuilds = Object.entries(status.sinks).flatMap(([name, { rebuild }]) =>
    rebuild === null ? [] : [`sink ${name}, built anew beside that:  ${rebuildText(rebuild)}`],
  )
  if (rebuilds.length > 0) blocks.push(rebuilds.join('\n'))
  const stale = Object.entries(status.sources).flatMap(([name, { tables }]) => staleLines(name, tables))
  if (stale.length > 0) blocks.push(stale.join('\n'))
  const errors = errorLines(stream, status)
  if (errors.length > 0) blocks.push(errors.join('\n'))
  return blocks.join('\n\n')
}

/** One line per part, each fit for the terminal, for `run`. */
export function progressLines(stream: Stream, status: PipelineStatus): string[] {
  return [
    ...Object.entries(status.sources).map(([name, part]) => cutToWidth(stream, sourceLine(stream, name, part))),
    ...Object.entries(status.sinks).map(([name, part]) => cutToWidth(stream, sinkLine(stream, name, part))),
  ]
}

function sourceLine(stream: Stream, name: string, part: SourceStatus): string {
  const head = `source ${name}  ${paintState(stream, part.state)}  `
  if (part.error !== null && part.state !== 'running') return `${head}${part.error.code} ${part.error.message}`
  if (part.phase === 'loading') return `${head}${phaseText(part.phase, part.progress)}`
  const { index } = part.log
  if (index?.state === 'building') return `${head}building the index of the log, ${formatSize(index.behindBytes)} left`
  return `${head}${part.phase}  ${part.log.records === null ? '' : `${count(part.log.records)} changes  `}lag ${lagText(part.lag)}`
}

function sinkLine(stream: Stream, name: string, part: SinkStatus): string {
  const head = `sink ${name}  ${paintState(stream, part.state)}  `
  if (part.error !== null && part.state !== 'running') return `${head}${part.error.code} ${part.error.message}`
  const building = part.phase === 'building' ? `${phaseText(part.phase, part.progress)}  ` : ''
  const beside = part.rebuild === null ? '' : `  beside it ${rebuildText(part.rebuild)}`
  return `${head}${building}${count(part.applied)} applied  lag ${sinkLag(part)}${beside}`
}

/** The same of what is built beside a sink. */
export function rebuildText({ phase, state, progress, error }: RebuildStatus): string {
  const trouble = error === null ? '' : `  ${error.code} ${error.message}`
  const rest = state === 'running' || state === 'starting' ? '' : `  ${state}`
  return `${phaseText(phase, progress)}${rest}${trouble}`
}

/** `loading 12,000 of 50,000 rows (24 %), 3,200 rows/s, 12 s left`, as far as it is known. */
export function phaseText(phase: string, progress: Progress | null): string {
  if (progress === null) return phase
  const { rows, totalRows, rate, etaSeconds } = progress
  let text = `${phase} ${count(rows)}`
  if (totalRows === null || totalRows === 0) text += ' rows'
  // The total is an estimate: more than all of it would only confuse.
  else text += ` of ${count(Math.max(rows, totalRows))} rows (${Math.min(100, Math.floor((100 * rows) / totalRows))} %)`
  if (rate !== null) text += `, ${count(rate)} rows/s`
  if (etaSeconds !== null) text += `, ${formatSeconds(etaSeconds)} left`
  return text
}

function lagText({ bytes, seconds }: { bytes: number | null; seconds: number | null }): string {
  const parts = []
  if (seconds !== null) parts.push(formatSeconds(seconds))
  if (bytes !== null) parts.push(formatSize(bytes))
  return parts.length === 0 ? UNKNOWN : parts.join(', ')
}

function sinkLag({ lag }: SinkStatus): string {
  if (lag.records === 0) return 'none'
  const records = lag.records === null ? [] : [`${count(lag.records)} changes`]
  const rest = lagText(lag)
  return [...records, ...(rest === UNKNOWN ? [] : [rest])].join(', ') || UNKNOWN
}

/** Tables whose rows also change unseen. */
function staleLines(source: string, tables: SourceStatus['tables']): string[] {
  return tables.flatMap(({ table, staleSeconds }) => {
    if (staleSeconds === undefined) return []
    const since = staleSeconds === null ? 'not compared yet' : `compared ${formatSeconds(staleSeconds)} ago`
    return [`source ${source}: rows of ${table} also change by foreign keys, which the server does not log: ${since}`]
  })
}

function errorLines(stream: Stream, status: PipelineStatus): string[] {
  const parts = [
    ...Object.entries(status.sources).map(([name, part]) => [`source ${name}`, part.error] as const),
    ...Object.entries(status.sinks).map(([name, part]) => [`sink ${name}`, part.error] as const),
  ]
  return parts.flatMap(([name, error]) => {
    if (error === null) return []
    const lines = [`${name}: ${paint(stream, 'red', error.code)}  ${error.message}`]
    if (error.hint !== null) lines.push(`  ${paint(stream, 'cyan', 'hint')}  ${error.hint}`)
    return lines
  })
}
