import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { loadConfig } from '../../config/load.ts'
import type { SourceContext } from '../contract.ts'
import { TailraceError } from '../errors.ts'
import { generationOwner } from '../generation.ts'
import { createLogger } from '../logger.ts'
import { namedPart } from '../named-part.ts'
import type { PipelineConfig, SinkConfig, SourceConfig } from '../pipeline-config.ts'
import { RebuildPlans } from '../rebuild/plans.ts'
import { HELD_AS_IT_IS, ShapeMemory } from '../shape/memory.ts'
import { onePart, type PartOptions } from './act.ts'
import { livingProcess } from './client.ts'
import { type Context, confirm, print, printJson } from './context.ts'
import { EXIT } from './exit-code.ts'
import { existingLogs, openLog } from './inspect.ts'

export interface RemoveOptions extends PartOptions {
  readonly yes?: boolean
  readonly keepData?: boolean
}

const logger = createLogger('warn')

/**
 * Undoes what Tailrace made for a source (slot, publication, log) or a sink (target, registration); with `keepData`
 * log and target stay. Throws STILL_RUNNING, LOG_LOCKED, NOT_CONFIRMED, UNKNOWN_SOURCE, UNKNOWN_SINK.
 */
export async function remove(context: Context, options: RemoveOptions): Promise<number> {
  const { kind, name } = onePart(options)
  const config = await loadConfig(context.config)
  await refuseWhileRunning(config)
  const keepData = options.keepData === true
  const lines =
    kind === 'source'
      ? await removeSource(context, config, namedPart(config.sources, kind, name), keepData, options.yes === true)
      : await removeSink(context, config, namedPart(config.sinks, kind, name), keepData, options.yes === true)
  if (context.json) printJson(context.io, { removed: { [kind]: name }, did: lines })
  else print(context.io, lines.length === 0 ? 'There was nothing to remove.' : lines.join('\n'))
  return EXIT.fine
}

async function removeSource(
  context: Context,
  config: PipelineConfig,
  { name, plugin, options }: SourceConfig,
  keepData: boolean,
  yes: boolean,
): Promise<string[]> {
  const folder = join(config.log.path, name)
  const log = keepData ? 'Its log stays.' : `Its log in ${folder} is deleted.`
  await confirm(context, `Drop what Tailrace made at the source "${name}"? ${log}`, yes)
  const place = { pipeline: config.pipeline, name, logger, folder }
  const lines = await destroySource(config, { name, plugin, options }, place, context.signal)
  if (!keepData) {
    await rm(folder, { recursive: true, force: true })
    lines.push(`deleted the log in ${folder}`)
  }
  return lines
}

/** Holds the log's lock meanwhile, so that nobody starts in between. */
async function destroySource(
  config: PipelineConfig,
  { plugin, options }: SourceConfig,
  place: SourceContext,
  signal: AbortSignal,
): Promise<string[]> {
  await using _log = await config.log.plugin.open(config.log.options, place)
  return [...(await plugin.destroy(options, place, signal))]
}

async function removeSink(
  context: Context,
  config: PipelineConfig,
  { name, plugin, options, onDelete }: SinkConfig,
  keepData: boolean,
  yes: boolean,
): Promise<string[]> {
  const data = keepData ? 'Its target stays as it is.' : 'What it made in its target is deleted.'
  await confirm(context, `Remove the sink "${name}"? ${data}`, yes)
  const sources = config.sources.map(source => source.name)
  const lines: string[] = []
  await using stack = new AsyncDisposableStack()
  for (const source of await existingLogs(config, logger)) {
    const log = stack.use(await openLog(config, source, logger))
    const registered = (await log.readers.list()).some(reader => reader.name === name)
    if (!registered) continue
    await log.readers.remove(name)
    await log.readers.remove(generationOwner(name, 'next'))
    lines.push(`took the sink off the log of "${source}"`)
  }
  await (await RebuildPlans.load(config.log.path)).set(name, undefined)
  await forgetShapes(await ShapeMemory.load(config.log.path), name, keepData && lines.length > 0)
  if (!keepData) {
    const place = { pipeline: config.pipeline, name, logger, sources, onDelete }
    lines.push(...(await plugin.destroy(options, place, context.signal)))
  }
  return lines
}

/** What stays in the target is known by the rules that brought it there. */
async function forgetShapes(memory: ShapeMemory, sink: string, isKept: boolean): Promise<void> {
  await memory.set(sink, isKept ? (memory.get(sink) ?? HELD_AS_IT_IS) : undefined)
  for (const generation of isKept ? (['next'] as const) : (['next', 'previous'] as const))
    await memory.set(generationOwner(sink, generation), undefined)
}

/** Says it in words; what decides is the lock of the log. */
async function refuseWhileRunning(config: PipelineConfig): Promise<void> {
  const running = await livingProcess(config)
  if (running === undefined) return
  throw new TailraceError('STILL_RUNNING', 'stop', `The pipeline is running (process ${running.pid}).`, {
    hint: `Stop it first: kill ${running.pid}`,
  })
}
