import { judge } from './health.ts'
import type { Rebuilds } from './rebuild/rebuilds.ts'
import type { SinkPart } from './sink-part.ts'
import type { SourcePart } from './source-part.ts'
import type { PipelineStatus } from './status.ts'
import { VERSION } from './version.ts'

/** What all parts say of themselves, and what to make of it. */
export async function pipelineStatus(
  { pipeline, startedAt }: Pick<PipelineStatus, 'pipeline' | 'startedAt'>,
  sourceParts: readonly SourcePart[],
  sinkParts: readonly SinkPart[],
  rebuilds: Rebuilds,
): Promise<PipelineStatus> {
  const sources = await Promise.all(sourceParts.map(async part => [part.name, await part.status()] as const))
  const sinks = await Promise.all(
    sinkParts.map(async part => {
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
