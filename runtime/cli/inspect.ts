import { join } from 'node:path'
import type { Logger } from 'pino'
import type { SourceLog } from '../contract.ts'
import { isTailraceError, TailraceError } from '../errors.ts'
import type { PipelineConfig, SourceConfig } from '../pipeline-config.ts'

export interface InspectedLog {
  readonly source: SourceConfig
  readonly log: SourceLog
}

/** The logs that exist, opened for reading without their locks, to be disposed by the stack. */
export async function inspectLogs(
  config: PipelineConfig,
  logger: Logger,
  stack: AsyncDisposableStack,
): Promise<InspectedLog[]> {
  const { plugin, options, path } = config.log
  if (plugin.inspect === undefined)
    throw new TailraceError('NOT_RUNNING', 'stop', `A log of type ${plugin.type} can only be read while it runs.`, {
      hint: 'Start it with: tailrace run',
    })
  const logs: InspectedLog[] = []
  for (const source of config.sources) {
    const context = { pipeline: config.pipeline, name: source.name, logger, folder: join(path, source.name) }
    try {
      logs.push({ source, log: stack.use(await plugin.inspect(options, context)) })
    } catch (error) {
      if (!isTailraceError(error) || error.code !== 'LOG_MISSING') throw error
    }
  }
  return logs
}
