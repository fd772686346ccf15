import { join } from 'node:path'
import type { Logger } from 'pino'
import type { PipelineConfig, SourceConfig } from '../pipeline-config.ts'
import { SourcePart } from '../source-part.ts'

/** Opens a source's log, which is then its part's. Throws LOG_LOCKED, LOG_DAMAGED. `isResync`: see SourcePart. */
export async function openSource(
  { pipeline, log }: PipelineConfig,
  source: SourceConfig,
  logger: Logger,
  isResync = false,
): Promise<SourcePart> {
  const folder = join(log.path, source.name)
  const opened = await log.plugin.open(log.options, { pipeline, name: source.name, logger, folder })
  return new SourcePart(source, opened, { pipeline, folder, logger }, isResync)
}
