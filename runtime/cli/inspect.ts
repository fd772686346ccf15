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

/** Names of the sources that have a log: opening one that is missing would make it. */
export async function existingLogs(config: PipelineConfig, logger: Logger): Promise<string[]> {
  if (config.log.plugin.inspect === undefined) return []
  await using stack = new AsyncDisposableStack()
  return (await inspectLogs(config, logger, stack)).map(({ source }) => source.name)
}

/** The log of a source, with its lock. Throws LOG_LOCKED. */
export function openLog({ pipeline, log }: PipelineConfig, source: string, logger: Logger): Promise<SourceLog> {
  return log.plugin.open(log.options, { pipeline, name: source, logger, folder: join(log.path, source) })
}
