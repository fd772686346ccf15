/** Kills of a pipeline in a chosen phase, and what was in flight at each. */
import { setTimeout } from 'node:timers/promises'
import type { SourceStatus } from '../../runtime/status.ts'
import { until } from '../support/until.ts'
import { sinkCursor } from './jsonl-reader.ts'
import type { PipelineProcess } from './pipeline-process.ts'
import { cutUnsynced, readMarks } from './probe-marks.ts'
import type { Random } from './random.ts'
import { offsetOf, type Rig } from './rig.ts'

/** `written`: between write and fdatasync of the log. `drain`: behind a SIGTERM. */
export type Phase = 'load' | 'stream' | 'written' | 'drain'

export interface Kill {
  readonly phase: Phase
  /** Of the log's newest segment, in bytes. */
  readonly segment: string
  readonly written: number
  readonly synced: number
  /** What was not synced was then cut off, as a power cut may. */
  readonly cut: boolean
  /** WAL of the source that the log did not hold. */
  readonly behindSource: number
  /** Entries of the log that the sink `files` did not hold. */
  readonly behindLog: number
  readonly progress: string
}

export function describeKill({ phase, segment, written, synced, cut, ...rest }: Kill): string {
  const lost = cut && written > synced ? ' and cut there' : ''
  const { behindSource, behindLog, progress } = rest
  return `${phase}${progress}: segment ${segment} written ${written} synced ${synced}${lost}; source ${behindSource} bytes ahead of the log, log ${behindLog} entries ahead of the files`
}

/**
 * Starts the pipeline, lets it come to the phase and kills it there. Undefined if nothing was in flight, or it had left
 * the phase: such a kill does not count. `passes`: the log is killed amid one of its first so many units.
 */
async function killIn(phase: Phase, rig: Rig, random: Random, passes = 60): Promise<Kill | undefined> {
  const crash = phase === 'written' ? `log.written:${random.between(2, passes)}` : ''
  await using pipeline = await rig.start(crash)
  const progress = await REACH[phase](pipeline, random)
  if (progress === undefined) return undefined
  const head = await rig.ground.head()
  if (phase !== 'written') pipeline.kill('SIGKILL')
  const { signal } = await pipeline.exit
  if (signal !== 'SIGKILL') return undefined
  const marks = readMarks(rig.site.probe, rig.site.log)
  const mark = marks.at(-1) ?? { segment: 'none', written: 0, synced: 0 }
  const cut = random.chance(0.5)
  if (cut) cutUnsynced(marks, rig.site.log)
  await rig.follow()
  const { position, entries } = await rig.durable(random.chance(0.5))
  const behindSource = position === undefined ? 0 : rig.ground.behind(head, position)
  const behindLog = entries - offsetOf(sinkCursor(rig.site.jsonl))
  const inFlight = phase === 'load' || mark.written > mark.synced || behindSource > 0 || behindLog > 0
  return inFlight ? { phase, ...mark, cut, behindSource, behindLog, progress } : undefined
}

/** Kills until one counts. Throws if none of so many `tries` in a row does. */
export async function killThatCounts(
  phase: Phase,
  rig: Rig,
  random: Random,
  { tries, passes }: { readonly tries: number; readonly passes?: number | undefined },
): Promise<Kill> {
  for (let attempt = 0; attempt < tries; attempt++) {
    const done = await killIn(phase, rig, random, passes)
    if (done !== undefined) return done
  }
  throw new Error(`${tries} kills in phase ${phase} met nothing in flight`)
}

/** A kill finds the load so far on at most: what it has loaded stays, and the next kills need something to load. */
const MOST_OF_REST = 0.25

/** Each comes to its phase and answers where in it; undefined: it was over before. */
const REACH: Readonly<Record<Phase, (pipeline: PipelineProcess, random: Random) => Promise<string | undefined>>> = {
  async load(pipeline, random) {
    const share = random.next() * MOST_OF_REST
    let from: number | undefined
    let rows = 0
    await until(
      async () => {
        const app = (await pipeline.status()).sources.app!
        if (app.progress !== null) from ??= app.progress.rows
        rows = app.progress?.rows ?? 0
        const total = app.progress?.totalRows ?? Number.POSITIVE_INFINITY
        return isLoaded(app) || (rows > 0 && rows - from! >= share * (total - from!))
      },
      'the load is under way',
      120,
    )
    return isLoaded((await pipeline.status()).sources.app!) ? undefined : ` at ${rows} rows`
  },
  async stream(pipeline, random) {
    await streaming(pipeline)
    const ms = random.between(50, 1500)
    await setTimeout(ms)
    return ` after ${ms} ms`
  },
  async written(pipeline) {
    await until(() => pipeline.exited, 'the process ended itself', 60)
    return ''
  },
  async drain(pipeline, random) {
    await streaming(pipeline)
    await setTimeout(random.between(50, 800))
    pipeline.kill('SIGTERM')
    const ms = random.between(0, 12)
    if (ms > 0) await setTimeout(ms)
    return pipeline.exited ? undefined : ` ${ms} ms after SIGTERM`
  },
}

/** A load that was interrupted goes on beside the stream. */
function isLoaded({ phase, tables }: SourceStatus): boolean {
  return phase === 'streaming' && tables.every(({ state }) => state === 'streaming')
}

function streaming(pipeline: PipelineProcess): Promise<void> {
  return pipeline.until(
    ({ sources }) => sources.app!.phase === 'streaming' && sources.app!.state === 'running',
    'it streams',
  )
}
