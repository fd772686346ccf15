import type { Cleansings } from './cleanse/cleansings.ts'
import { judge } from './health.ts'
import type { Rebuilds } from './rebuild/rebuilds.ts'
import type { SinkPart } from './sink-part.ts'
import type { SourcePart } from './source-part.ts'
import type { PipelineStatus } from './status.ts'
import { VERSION } from './version.ts'

export interface PipelineParts {
  readonly sources: readonly SourcePart[]
  readonly sinks: readonly SinkPart[]
  readonly rebuilds: Rebuilds
  readonly cleansings: Cleansings
}

/** What all parts say of themselves, and what to make of it. */
export async function pipelineStatus(
  { pipeline, startedAt }: Pick<PipelineStatus, 'pipeline' | 'startedAt'>,
  { rebuilds, cleansings, ...parts }: PipelineParts,
): Promise<PipelineStatus> {
  const sources = await Promise.all(
    parts.sources.map(async part => {
      const cleansing = cleansings.tables(part)
      return [part.name, { ...(await part.status()), cleansing }] as const
    }),
  )
  const sinks = await Promise.all(
    parts.sinks.map(async part => {
      const rebuild = await rebuilds.status(part.name)
      return [part.name, { ...(await part.status()), rebuild }] as const
    }),
  )
  const { health, reasons } = judge([
    ...sources.map(([name, status]) => ({ name: `source ${name}`, ...status })),
    ...sinks.map(([name, status]) => ({ name: `sink ${name}`, ...status })),
  ])
  return {
    version: VERSION,
    pipeline,
    startedAt,
    health,
    reasons,
    sources: Object.fromEntries(sources),
    sinks: Object.fromEntries(sinks),
  }
}
