import { sleep } from '../abort.ts'
import { clock } from './board.ts'
import { count } from './screen.ts'
import type { Stage } from './stage.ts'
import type { Workspace } from './workspace.ts'

/** The demo's own accident: SIGKILL to the pipeline under load, then a new start. */

export interface CrashReport {
  /** Records that the log held, just before and right after. */
  readonly logBefore: number | null
  readonly logAfter: number | null
  /** Changes that each sink was behind the log when it was killed. */
  readonly behind: Readonly<Record<string, number | null>>
  /** From the kill until it answered again, and until every sink had what was committed by then. */
  readonly downSeconds: number
  readonly caughtUpSeconds: number
}

/** `after`: seconds from now. */
export async function crashPipeline(stage: Stage, workspace: Workspace, after: number): Promise<CrashReport> {
  const { screen, signal } = stage
  await sleep(after * 1000, signal)
  const before = await stage.pipeline()!.status(signal)
  const killed = performance.now()
  const since = (): number => (performance.now() - killed) / 1000
  const at = (): string => screen.style('bold', clock(after + since()))
  await stage.killPipeline()
  const behind = Object.fromEntries(Object.entries(before.sinks).map(([name, { lag }]) => [name, lag.records]))
  const logBefore = before.sources.app?.log.records ?? null
  const sinks = Object.entries(behind).map(([name, records]) => `${name} ${count(records)}`)
  screen.line(
    `${at()}   ${screen.style('red', 'killed with SIGKILL')}; on disk in the log: ${count(logBefore)} records`,
  )
  screen.line(`       changes still on their way: ${sinks.join(', ')}`)

  const pipeline = await stage.startPipeline(workspace)
  const downSeconds = since()
  const { sources } = await pipeline.status(signal)
  const logAfter = sources.app?.log.records ?? null
  screen.line(
    `${at()}   started again after ${downSeconds.toFixed(1)} s; the log goes on at ${count(logAfter)} records,`,
  )
  screen.line('       PostgreSQL behind its last whole transaction, each sink at its own cursor')
  await pipeline.wait(signal)
  const caughtUpSeconds = since()
  screen.line(`${at()}   caught up ${caughtUpSeconds.toFixed(1)} s after the kill, with customers still at work`)
  return { logBefore, logAfter, behind, downSeconds, caughtUpSeconds }
}
