import type { Logger } from 'pino'
import { loadConfig } from '../../config/load.ts'
import { abortable } from '../abort.ts'
import { TailraceError } from '../errors.ts'
import { listen } from '../http/server.ts'
import { trimAfterStart } from '../large-memory.ts'
import { createLogger } from '../logger.ts'
import { runPipeline } from '../pipeline/run.ts'
import type { PipelineConfig } from '../pipeline-config.ts'
import { formatSize } from '../quantity.ts'
import { isResynced } from '../resynced.ts'
import type { RunningPipeline } from '../status.ts'
import { untilCaughtUp } from './caught-up.ts'
import { livingProcess } from './client.ts'
import { type Context, confirm, isInteractive, print, printJson } from './context.ts'
import { EXIT, exitCode } from './exit-code.ts'
import { inspectLogs } from './inspect.ts'
import { textLines } from './log-text.ts'
import { makePlan, planText } from './plan.ts'
import { removeProcessFile, writeProcessFile } from './process-file.ts'
import { ProgressDisplay } from './progress.ts'
import { reloadOnHangup } from './reload.ts'
import { reshapedSinks, reshapedText } from './shapes.ts'

export interface RunOptions {
  readonly untilCaughtUp?: boolean
  readonly yes?: boolean
  /** Sources. */
  readonly resnapshot?: readonly string[]
}

/** A first load beyond this is asked about. */
const ASK_BYTES = 1024 ** 3

/**
 * Runs the pipeline until SIGTERM or SIGINT, which drain it, or until all sinks have caught up. SIGHUP has it go over to
 * what the file says then. What the log has taken is durable whatever ends the process. Throws what hinders the start or
 * ends the whole process.
 */
export async function run(context: Context, options: RunOptions): Promise<number> {
  const { io, signal } = context
  const config = await loadConfig(context.config)
  refuseUnknown(options.resnapshot ?? [], config)
  await refuseSecond(config)
  using display = new ProgressDisplay(io, context.json)
  const logger = createLogger('info', context.json ? io.err : textLines(line => display.line(line)))
  await announce(context, config, logger, options.yes === true)
  signal.throwIfAborted()
  let used = config
  try {
    await runUntilEnd(context, config, options, display, logger, next => {
      used = next
    })
  } finally {
    await sayWhatStays(context, used, logger)
  }
  return EXIT.fine
}

async function runUntilEnd(
  context: Context,
  config: PipelineConfig,
  options: RunOptions,
  display: ProgressDisplay,
  logger: Logger,
  onApplied: (config: PipelineConfig) => void,
): Promise<void> {
  await using stack = new AsyncDisposableStack()
  const http = config.http === undefined ? undefined : stack.use(await listen(config.http, logger))
  const pipeline = await runPipeline(config, logger, new Set(options.resnapshot))
  stack.defer(() => pipeline.stop())
  // Closed first: what drains has no more questions to answer.
  if (http !== undefined) stack.defer(() => http[Symbol.asyncDispose]())
  http?.serve(pipeline, config)
  await writeProcessFile(config.log.path, {
    pid: process.pid,
    url: http?.url ?? null,
    token: config.http?.token ?? null,
  })
  stack.defer(() => removeProcessFile(config.log.path, process.pid))
  logger.info({ pipeline: config.pipeline, pid: process.pid, url: http?.url }, 'started')
  // At a terminal it means that the terminal was closed.
  if (!isInteractive(context.io)) stack.use(reloadOnHangup({ file: context.config, pipeline, http, logger, onApplied }))
  display.follow(pipeline, line => logger.info(line))
  await theEnd(context, pipeline, options)
  display[Symbol.dispose]()
  logger.info('stopping: what has been taken is being written out')
}

/** Resolves when the run is over in good order; throws what ends it otherwise. */
async function theEnd({ signal }: Context, pipeline: RunningPipeline, options: RunOptions): Promise<void> {
  const failure = pipeline.failed.then(error => {
    throw error
  })
  const asked = abortable(new Promise<never>(() => {}), signal)
  try {
    await Promise.race([ready(pipeline, options), failure, asked])
    trimAfterStart()
    if (options.untilCaughtUp === true) await Promise.race([untilCaughtUp(pipeline, signal), failure])
    else await Promise.race([failure, asked])
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** A source that waits for a person's word takes it from `tailrace backfill`, which needs this process. */
async function ready(pipeline: RunningPipeline, { untilCaughtUp = false }: RunOptions): Promise<void> {
  try {
    await pipeline.started
    await refuseUnready(pipeline)
  } catch (error) {
    if (untilCaughtUp || !isResynced(error)) throw error
  }
}

/** What a pipeline at work would try again and a start ends with, so that a person sees it: a slot read by another. */
async function refuseUnready(pipeline: RunningPipeline): Promise<void> {
  for (const { error } of Object.values((await pipeline.status()).sources)) {
    if (error === null || exitCode(error.code) !== EXIT.environment) continue
    throw new TailraceError(error.code, 'stop', error.message, error.hint === null ? {} : { hint: error.hint })
  }
}

async function announce(context: Context, config: PipelineConfig, logger: Logger, yes: boolean): Promise<void> {
  const { io, json, signal } = context
  await using stack = new AsyncDisposableStack()
  const canInspect = config.log.plugin.inspect !== undefined
  const logs = canInspect ? await inspectLogs(config, logger, stack) : []
  const plans = await makePlan(config, logs, signal)
  const reshaped = await reshapedSinks(config, logs)
  if (json) printJson(io, { plan: { pipeline: config.pipeline, log: config.log.path, sources: plans, reshaped } })
  else print(io, [planText(config, plans), ...reshaped.map(reshapedText)].join('\n'))
  const bytes = plans.reduce((sum, plan) => sum + (plan.bytes ?? 0), 0)
  if (bytes > ASK_BYTES && isInteractive(io)) await confirm(context, `Copy ${formatSize(bytes)}?`, yes)
}

function refuseUnknown(names: readonly string[], { sources }: PipelineConfig): void {
  const unknown = names.find(name => !sources.some(source => source.name === name))
  if (unknown === undefined) return
  throw new TailraceError('UNKNOWN_SOURCE', 'stop', `There is no source "${unknown}".`, {
    hint: `The sources are ${sources.map(({ name }) => name).join(', ')}.`,
  })
}

/** Says it before the address turns out to be taken; what decides is the lock of the log. */
async function refuseSecond(config: PipelineConfig): Promise<void> {
  const running = await livingProcess(config)
  if (running === undefined) return
  throw new TailraceError(
    'LOG_LOCKED',
    'stop',
    `Process ${running.pid} already runs on the log in ${config.log.path}.`,
    {
      hint: 'One process per log: stop the other one, or give this pipeline a log.path of its own.',
    },
  )
}

/** Which slot goes on keeping the database's log, and how to end that. */
async function sayWhatStays(
  { io, json, config: file }: Context,
  config: PipelineConfig,
  logger: Logger,
): Promise<void> {
  if (config.log.plugin.inspect === undefined) return
  await using stack = new AsyncDisposableStack()
  for (const { source, log } of await inspectLogs(config, logger, stack)) {
    const slot = (await log.resume())?.identity.slot
    if (slot === undefined) continue
    const drop = `tailrace remove --source ${source.name} -c ${file}`
    if (json) printJson(io, { slot, source: source.name, drop })
    else print(io, `The slot "${slot}" keeps the database's log until the next run. To drop it for good: ${drop}`)
  }
}
