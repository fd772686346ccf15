import { TailraceError } from '../errors.ts'
import type { PipelineStatus, SinkStatus, SourceStatus, StatusError } from '../status.ts'

/** What keeps these sinks from holding everything, for the person who waits: `sink search is paused, 3 changes behind`. */
export function whatIsBehind(status: PipelineStatus, sinks: readonly string[]): string {
  const chosen = sinks.map(name => [name, status.sinks[name]!] as const)
  const sources = new Set(chosen.flatMap(([, sink]) => Object.keys(sink.cursors)))
  const lines = [
    ...chosen.map(([name, sink]) => sinkLine(name, sink)),
    ...[...sources].map(name => sourceLine(name, status.sources[name]!)),
  ].filter(line => line !== undefined)
  return lines.length > 0 ? lines.join('; ') : 'every part runs and none is known to be behind'
}

/** The error of the first of these sinks, or of the sources they stand on, that has failed for good. */
export function failureOf(status: PipelineStatus, sinks: readonly string[]): TailraceError | undefined {
  const sources = new Set(sinks.flatMap(name => Object.keys(status.sinks[name]?.cursors ?? {})))
  const parts = [
    ...[...sources].map(name => [`source ${name}`, status.sources[name]!] as const),
    ...sinks.map(name => [`sink ${name}`, status.sinks[name]!] as const),
  ]
  for (const [name, { state, error }] of parts)
    if (state === 'failed' && error !== null)
      return new TailraceError(error.code, 'stop', `${name} has failed: ${error.message}`, hintOf(error))
  return undefined
}

function hintOf({ hint }: StatusError): { hint?: string } {
  return hint === null ? {} : { hint }
}

function sinkLine(name: string, { state, lag, error }: SinkStatus): string | undefined {
  const troubles = stateText(state, error)
  if (lag.records !== null && lag.records > 0)
    troubles.push(lag.records === 1 ? '1 change behind' : `${lag.records} changes behind`)
  return troubles.length > 0 ? `sink ${name} is ${troubles.join(', ')}` : undefined
}

function sourceLine(name: string, { state, phase, progress, lag, error }: SourceStatus): string | undefined {
  const troubles = stateText(state, error)
  if (phase !== 'streaming') troubles.push(progress === null ? phase : `${phase} (${progress.rows} rows so far)`)
  else if (lag.bytes !== null && lag.bytes > 0) troubles.push(`${lag.bytes} bytes of the database's log behind`)
  return troubles.length > 0 ? `source ${name} is ${troubles.join(', ')}` : undefined
}

function stateText(state: string, error: StatusError | null): string[] {
  if (state === 'running') return []
  return [error === null ? state : `${state} (${error.code}: ${error.message})`]
}
