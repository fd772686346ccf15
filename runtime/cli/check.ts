import { join } from 'node:path'
import type { Logger } from 'pino'
import { loadConfig } from '../../config/load.ts'
import type { Finding } from '../contract.ts'
import { errorMessage, isTailraceError } from '../errors.ts'
import { createLogger, redact } from '../logger.ts'
import type { PipelineConfig } from '../pipeline-config.ts'
import { type Context, print, printJson } from './context.ts'
import { EXIT } from './exit-code.ts'
import { type InspectedLog, inspectLogs } from './inspect.ts'
import { shapeFindings } from './shapes.ts'
import { paint, paintState } from './terminal.ts'

interface PartFindings {
  /** `source app`, `sink search`. */
  readonly part: string
  readonly findings: readonly Finding[]
}

/**
 * Checks the configuration, then (unless `offline`) the living databases and targets, each prerequisite with the
 * statement that mends it. Exit 2: the configuration is wrong; 3: something outside is not ready.
 */
export async function check(context: Context, options: { offline?: boolean }): Promise<number> {
  const { io, json } = context
  const config = await loadConfig(context.config)
  const parts = options.offline === true ? [] : await checkParts(config, context.signal)
  const ready = parts.every(({ findings }) => findings.every(({ level }) => level !== 'error'))
  if (json) printJson(io, { pipeline: config.pipeline, config: context.config, ready, parts })
  else {
    print(io, `${paintState(io.out, 'ok')}  ${context.config} is a valid configuration of "${config.pipeline}"`)
    for (const part of parts) print(io, partText(io.out, part))
    if (!ready) print(io, `\n${paint(io.out, 'red', 'Not ready.')} Mend what is marked error and check again.`)
  }
  return ready ? EXIT.fine : EXIT.environment
}

async function checkParts(config: PipelineConfig, signal: AbortSignal): Promise<PartFindings[]> {
  const { pipeline } = config
  const logger = createLogger('warn')
  const sources = config.sources.map(async ({ name, plugin, options }) => {
    const context = { pipeline, name, logger, folder: join(config.log.path, name) }
    return { part: `source ${name}`, findings: await attempt(plugin.check?.(options, context, signal)) }
  })
  const names = config.sources.map(({ name }) => name)
  await using stack = new AsyncDisposableStack()
  const logs: InspectedLog[] = []
  const log = { part: 'log', findings: await attempt(inspect(config, logger, stack, logs)) }
  const sinks = config.sinks.map(async sink => {
    const { name, plugin, options, onDelete } = sink
    const context = { pipeline, name, logger, sources: names, onDelete }
    const findings = await attempt(plugin.check?.(options, context, signal))
    return { part: `sink ${name}`, findings: [...shapeFindings(sink, logs), ...findings] }
  })
  const parts = await Promise.all([...sources, ...sinks])
  return log.findings.length === 0 ? parts : [log, ...parts]
}

/** Adds the logs that there are. */
async function inspect(
  config: PipelineConfig,
  logger: Logger,
  stack: AsyncDisposableStack,
  logs: InspectedLog[],
): Promise<Finding[]> {
  if (config.log.plugin.inspect !== undefined) logs.push(...(await inspectLogs(config, logger, stack)))
  return []
}

/** A check that cannot be made is a finding too. */
async function attempt(checking: Promise<readonly Finding[]> | undefined): Promise<readonly Finding[]> {
  try {
    return (await checking) ?? []
  } catch (error) {
    const { code, hint } = isTailraceError(error) ? error : { code: 'UNEXPECTED', hint: undefined }
    const finding = { level: 'error', code, message: redact(errorMessage(error)) } as const
    return [hint === undefined ? finding : { ...finding, fix: redact(hint) }]
  }
}

function partText(stream: Parameters<typeof paint>[0], { part, findings }: PartFindings): string {
  const lines = [`\n${paint(stream, 'bold', part)}`]
  if (findings.length === 0) lines.push('  nothing to check')
  const width = Math.max(0, ...findings.map(({ code }) => code.length))
  for (const { level, code, message, fix } of findings) {
    lines.push(`  ${paintState(stream, level)}${' '.repeat(8 - level.length)} ${code.padEnd(width)}  ${message}`)
    for (const line of fix?.split('\n') ?? []) lines.push(`           ${paint(stream, 'cyan', line)}`)
  }
  return lines.join('\n')
}
