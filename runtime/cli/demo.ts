import { watchLag } from '../demo/live.ts'
import { showLiveCommands, showNextSteps } from '../demo/now-you.ts'
import { type DemoReport, runDemo } from '../demo/run.ts'
import { Screen } from '../demo/screen.ts'
import { Stage } from '../demo/stage.ts'
import type { Workspace } from '../demo/workspace.ts'
import { EXIT } from './exit-code.ts'

export interface DemoVerbOptions {
  /** How long the shop has customers; default 30. */
  readonly seconds?: number
  readonly forever?: boolean
  readonly tamper?: boolean
  /** One JSON object at the end instead of the page. */
  readonly json?: boolean
}

const DEFAULT_SECONDS = 30
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
  const report = await performOn(screen, options, interrupt)
  screen.step('Now you')
  showNextSteps(screen)
  return report.equal ? EXIT.fine : EXIT.failed
}

/** Returns when everything it started is gone. */
async function performOn(screen: Screen, options: DemoVerbOptions, interrupt: AbortSignal): Promise<DemoReport> {
  await using stage = new Stage(screen, interrupt)
  const { seconds = DEFAULT_SECONDS, tamper = false } = options
  try {
    const { report, url, workspace } = await runDemo(stage, { seconds, tamper })
    if (options.json === true) process.stdout.write(`${JSON.stringify(report)}\n`)
    if (options.forever === true) {
      screen.step('Now you')
      await showLiveCommands(screen, workspace, url)
      await stayUp(stage, workspace, url)
    }
    return report
  } catch (error) {
    stage.fail(error)
    throw stage.signal.reason
  }
}

/** Traffic and lag until Ctrl-C, whose error it throws. */
async function stayUp(stage: Stage, workspace: Workspace, url: string): Promise<void> {
  const { screen, signal, pipeline } = stage
  if (pipeline() === undefined) await stage.startPipeline(workspace)
  const traffic = stage.startTraffic(url)
  screen.line()
  await watchLag({ screen, traffic, seconds: undefined, pipeline, signal })
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
