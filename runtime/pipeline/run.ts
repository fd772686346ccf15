import { mkdir } from 'node:fs/promises'
import type { Logger } from 'pino'
import { Pipeline } from '../pipeline.ts'
import type { PipelineConfig } from '../pipeline-config.ts'
import { remembered } from '../remembered.ts'
import { openSource } from '../source-part/open.ts'
import type { SourcePart } from '../source-part.ts'

/**
 * Opens every log, then runs one ingest per source and one delivery per sink and source, until stopped; closes in
 * reverse. Throws what hinders the logs from being opened (LOG_LOCKED, LOG_DAMAGED); a source or sink that cannot
 * start is a state of its part, see `started`. `resynced`: sources that begin a new stream where the old one cannot go
 * on, and read their tables by difference.
 */
export async function runPipeline(
  config: PipelineConfig,
  logger: Logger,
  resynced: ReadonlySet<string> = new Set(),
): Promise<Pipeline> {
  const { path } = config.log
  await mkdir(path, { recursive: true, mode: 0o700 })
  const state = await remembered(path)
  await using opened = new AsyncDisposableStack()
  const sources: SourcePart[] = []
  for (const source of config.sources)
    sources.push(opened.use(await openSource(config, source, logger, resynced.has(source.name))))
  opened.move()
  return new Pipeline(config, sources, state, logger)
}
