import { sleep } from '../abort.ts'
import type { PipelineStatus } from '../status.ts'
import { boardLine, boardLines } from './board.ts'
import type { PipelineProcess } from './pipeline-process.ts'
import type { Screen } from './screen.ts'
import type { Traffic } from './traffic.ts'

/** The shop at work: lag redrawn once a second, and in the middle the pipeline is killed and started again. */

const TICK_MS = 1000
/** Seconds between two lines where nothing can be redrawn. */
const PLAIN_EVERY = 5

export interface LiveOptions {
  readonly screen: Screen
  readonly traffic: Traffic
  /** Undefined: until the signal aborts. */
  readonly seconds: number | undefined
  /** The pipeline as it is now: undefined while it is down. */
  readonly pipeline: () => PipelineProcess | undefined
  readonly signal: AbortSignal
}

/** Greatest lag that was seen, in seconds, by sink. */
export type WorstLag = Map<string, number>

/** Returns when the seconds are over. */
export async function watchLag(options: LiveOptions): Promise<WorstLag> {
  const { screen, traffic, seconds, pipeline, signal } = options
  const worst: WorstLag = new Map()
  const began = performance.now()
  let plainAt = 0
  for (let tick = 1; ; tick++) {
    const elapsed = (performance.now() - began) / 1000
    const end = seconds ?? Number.POSITIVE_INFINITY
    const next = Math.min(tick * (TICK_MS / 1000), end)
    await sleep(Math.max(0, (next - elapsed) * 1000), signal)
    const status = await statusOf(pipeline(), signal, () => pipeline())
    for (const [name, { lag }] of Object.entries(status?.sinks ?? {}))
      worst.set(name, Math.max(worst.get(name) ?? 0, lag.seconds ?? 0))
    const moment = { at: next, of: seconds, traffic, status }
    if (screen.redraws) screen.draw(boardLines(screen, moment))
    else if (next >= plainAt + PLAIN_EVERY || next === end) {
      screen.line(boardLine(moment))
      plainAt = next
    }
    if (next === end) return worst
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
