import type { DemoDatabase } from '../demo/database.ts'
import { watchLag } from '../demo/live.ts'
import { mysqlDemo } from '../demo/mysql/database.ts'
import { showLiveCommands, showNextSteps } from '../demo/now-you.ts'
import { postgresDemo } from '../demo/postgres/database.ts'
import type { RedisAddress } from '../demo/redis-client.ts'
import { type DemoEnd, runDemo } from '../demo/run.ts'
import { Screen } from '../demo/screen.ts'
import { ENGINE_URL } from '../demo/sinks/engine.ts'
import { Stage } from '../demo/stage.ts'
import { EXIT } from './exit-code.ts'

export interface DemoVerbOptions {
  /** Of the shop; default 70,000. */
  readonly rows?: number
  /** How long the shop has customers; default 30. */
  readonly seconds?: number
  readonly forever?: boolean
  readonly tamper?: boolean
  /** One JSON object at the end instead of the page. */
  readonly json?: boolean
  /** Where a Redis may run already, default 127.0.0.1:6379; false: no cache. */
  readonly redis?: RedisAddress | false
  /** Url of a search engine that may run already, default http://127.0.0.1:9200; false: none. */
  readonly engine?: string | false
  /** The shop in a MySQL or MariaDB that is installed here. */
  readonly mysql?: boolean
}

const DEFAULT_ROWS = 70_000
const DEFAULT_SECONDS = 30
const DEFAULT_REDIS: RedisAddress = { host: '127.0.0.1', port: 6379 }
const EXIT_INTERRUPTED = 130
/** npm passes an interrupt of the terminal on to a process that has already received it. */
const SAME_SIGNAL_MS = 1000

/**
 * `tailrace demo`: answers its exit status, 0 if every sink equals the source, 1 if not, 130 after Ctrl-C. Whatever it
 * started is gone when it resolves; if this process is killed, it goes soon after.
 */
export async function demo(options: DemoVerbOptions): Promise<number> {
  const interrupt = new AbortController()
  const ending = onInterrupt(interrupt)
  try {
    return await perform(options, interrupt.signal)
  } catch (error) {
    if (interrupt.signal.aborted) return EXIT_INTERRUPTED
    throw error
  } finally {
    ending()
  }
}

async function perform(options: DemoVerbOptions, interrupt: AbortSignal): Promise<number> {
  const screen = new Screen(options.json === true ? undefined : process.stdout)
  interrupt.addEventListener('abort', () => screen.interrupted(), { once: true })
  const database = options.mysql === true ? mysqlDemo : postgresDemo
  const { report, sinks } = await performOn(database, screen, options, interrupt)
  screen.step('Now you')
  showNextSteps(screen, database, sinks)
  return report.equal ? EXIT.fine : EXIT.failed
}

/** Returns when everything it started is gone. */
async function performOn(
  database: DemoDatabase,
  screen: Screen,
  options: DemoVerbOptions,
  interrupt: AbortSignal,
): Promise<DemoEnd> {
  await using stage = new Stage(database, screen, interrupt)
  const { rows = DEFAULT_ROWS, seconds = DEFAULT_SECONDS, tamper = false } = options
  const { redis = DEFAULT_REDIS, engine = ENGINE_URL } = options
  const neighbours = { redis: redis === false ? undefined : redis, engine: engine === false ? undefined : engine }
  try {
    const end = await runDemo(stage, { rows, seconds, tamper, neighbours })
    if (options.json === true) process.stdout.write(`${JSON.stringify(end.report)}\n`)
    if (options.forever === true) await stayUp(stage, end)
    return end
  } catch (error) {
    stage.fail(error)
    throw stage.signal.reason
  }
}

/** Traffic and lag until Ctrl-C, whose error it throws. */
async function stayUp(stage: Stage, { url, size, workspace, sinks }: DemoEnd): Promise<void> {
  const { screen, signal, pipeline } = stage
  screen.step('Now you')
  await stage.startPipeline(workspace)
  showLiveCommands(screen, stage.database.shell(url), workspace.config, sinks)
  const traffic = stage.startTraffic(url, size)
  screen.line()
  await watchLag({ screen, traffic, sinks, seconds: undefined, pipeline, signal })
}

/** The first signal interrupts, a later one ends the process at once: what it leaves is removed behind it. */
function onInterrupt(interrupt: AbortController): () => void {
  let first = 0
  const onSignal = (): void => {
    if (interrupt.signal.aborted && performance.now() - first > SAME_SIGNAL_MS) process.exit(EXIT_INTERRUPTED)
    if (interrupt.signal.aborted) return
    first = performance.now()
    interrupt.abort(new Error('interrupted'))
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, onSignal)
  return () => {
    for (const signal of signals) process.off(signal, onSignal)
  }
}
