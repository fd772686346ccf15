import { sleep } from '../abort.ts'
import type { PipelineStatus } from '../status.ts'
import { boardHead, boardLine, boardLines, type WorstLag } from './board.ts'
import type { PipelineProcess } from './pipeline-process.ts'
import type { Screen } from './screen.ts'
import type { DemoSink } from './sinks/sink.ts'
import type { Traffic } from './traffic.ts'

/** The shop at work: lag redrawn once a second, and in the middle the pipeline is killed and started again. */

/** Seconds between two lines where nothing can be redrawn. */
const PLAIN_EVERY = 5

export interface LiveOptions {
  readonly screen: Screen
  readonly traffic: Traffic
  readonly sinks: readonly DemoSink[]
  /** Undefined: until the signal aborts. */
  readonly seconds: number | undefined
  /** What may take longer, and is then watched to its end. */
  readonly beside?: Promise<unknown>
  /** The pipeline as it is now: undefined while it is down. */
  readonly pipeline: () => PipelineProcess | undefined
  readonly signal: AbortSignal
}

/** Returns when the seconds are over, and what goes on beside. */
export async function watchLag(options: LiveOptions): Promise<WorstLag> {
  const { screen, traffic, sinks, seconds, beside, pipeline, signal } = options
  const worst = new Map(sinks.map(({ name }) => [name, 0]))
  const began = performance.now()
  const end = seconds ?? Number.POSITIVE_INFINITY
  let isBusy = beside !== undefined
  const rest = (): void => {
    isBusy = false
  }
  beside?.then(rest, rest)
  let plainAt = 0
  if (!screen.redraws) screen.line(screen.style('dim', boardHead(worst)))
  for (let at = 1; ; at++) {
    await sleep(Math.max(0, began + at * 1000 - performance.now()), signal)
    const status = await statusOf(pipeline(), signal, () => pipeline())
    for (const [name, { lag }] of Object.entries(status?.sinks ?? {}))
      worst.set(name, Math.max(worst.get(name) ?? 0, lag.seconds ?? 0))
    const moment = { at, of: seconds, traffic, status, worst }
    const isLast = at >= end && !isBusy
    if (screen.redraws) screen.draw(boardLines(screen, moment))
    else if (at >= plainAt + PLAIN_EVERY || isLast) {
      screen.line(boardLine(moment))
      plainAt = at
    }
    if (isLast) return worst
  }
}

/** Undefined while the pipeline is down, also if it goes down while it is asked. */
async function statusOf(
  asked: PipelineProcess | undefined,
  signal: AbortSignal,
  now: () => PipelineProcess | undefined,
): Promise<PipelineStatus | undefined> {
  try {
    return await asked?.status(signal)
  } catch (error) {
    if (now() === asked || signal.aborted) throw error
    return undefined
  }
}
