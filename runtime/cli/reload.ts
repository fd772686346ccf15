import type { Logger } from 'pino'
import { loadConfig } from '../../config/load.ts'
import type { ConfigChanges, PartChanges } from '../config-changes.ts'
import type { HttpServer } from '../http/server.ts'
import type { Pipeline } from '../pipeline.ts'
import type { PipelineConfig } from '../pipeline-config.ts'

export interface ReloadOptions {
  /** Name of the configuration file. */
  readonly file: string
  readonly pipeline: Pipeline
  readonly http: HttpServer | undefined
  readonly logger: Logger
  /** Called with what is in use from now on. */
  readonly onApplied: (config: PipelineConfig) => void
}

/**
 * At each SIGHUP reads the configuration file again and has the pipeline go over to it. What is wrong with it is logged,
 * and all goes on as it was. Disposal waits for what is under way.
 */
export function reloadOnHangup(options: ReloadOptions): AsyncDisposable {
  let last = Promise.resolve()
  const onHangup = (): void => {
    last = last.then(() => reload(options))
  }
  process.on('SIGHUP', onHangup)
  return {
    async [Symbol.asyncDispose]() {
      process.off('SIGHUP', onHangup)
      await last
    },
  }
}

async function reload({ file, pipeline, http, logger, onApplied }: ReloadOptions): Promise<void> {
  logger.info({ file }, 'reading the configuration again')
  try {
    const config = await loadConfig(file)
    const changes = await pipeline.apply(config)
    http?.serve(pipeline, config)
    onApplied(config)
    logger.info(told(changes), 'the configuration is in use')
    for (const source of changes.sources.removed)
      logger.warn({ source }, 'not captured any more: its slot keeps the log of its database until it is dropped')
  } catch (error) {
    logger.error({ err: error }, 'the configuration was not taken: everything goes on as it was')
  }
}

/** What has changed, by kind; only that. */
function told({ sources, sinks }: ConfigChanges): Record<string, string> {
  const lines = { ...named('Sources', sources), ...named('Sinks', sinks) }
  return Object.keys(lines).length === 0 ? { changes: 'none' } : lines
}

function named(
  what: 'Sources' | 'Sinks',
  { added, changed, removed }: PartChanges<{ readonly name: string }>,
): Record<string, string> {
  const names = {
    [`added${what}`]: added.map(({ name }) => name),
    [`changed${what}`]: changed.map(({ name }) => name),
    [`removed${what}`]: removed,
  }
  return Object.fromEntries(
    Object.entries(names).flatMap(([key, list]) => (list.length === 0 ? [] : [[key, list.join(', ')]])),
  )
}
