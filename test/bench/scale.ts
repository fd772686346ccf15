/**
 * What a change costs by the number of keys: `generate` writes ten changes of each key into the log and its index, then
 * `tailrace compact` leaves the newest of each. The yardstick is the log of a table of that size that was just loaded.
 * `--keys 100000,1000000`.
 */
import { readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { CompactionReport } from '../../runtime/contract.ts'
import type { SourceStatus } from '../../runtime/status.ts'
import { runVerb } from '../support/run-verb.ts'
import { RunningVerb } from '../support/small-pipeline.ts'
import { type BenchResult, note } from './support/result.ts'

const CHANGES_A_KEY = 10
const FILL_SECONDS = 3600
/** Of /proc/PID/stat, on every Linux that Node runs on. */
const TICKS_A_SECOND = 100

export default async function scale(args: readonly string[]): Promise<BenchResult> {
  const options = { keys: { type: 'string', default: '100000,1000000,10000000' } } as const
  const { values } = parseArgs({ args: [...args], options })
  const medians: Record<string, number> = {}
  const ratios: Record<string, number> = {}
  for (const keys of values.keys.split(',').map(Number)) {
    note(`${keys} keys, just loaded`)
    const loaded = await withLog(keys, 0, async ({ log }) => log.bytes!)
    note(`${keys} keys, ${CHANGES_A_KEY} changes of each`)
    await withLog(keys, keys * (CHANGES_A_KEY - 1), async ({ log, seconds, cpu, config, isFilled }) => {
      const put = (figure: string, value: number): void => {
        medians[`${keys} keys: ${figure}`] = Math.round(value * 100) / 100
      }
      put('appended and indexed, changes/s', Math.round(log.records! / seconds))
      put('appended and indexed, CPU s/1M', (cpu / log.records!) * 1e6)
      note(`${keys} keys, compacted`)
      const { report, cpu: compacted, left } = await compact(config, isFilled)
      put('compacted, CPU s/1M', (compacted / report.scanned) * 1e6)
      put('compacted, changes a core-second', Math.round(report.scanned / compacted))
      put('changes', report.scanned)
      put('changes kept', report.kept)
      put('log before, MB', log.bytes! / 1e6)
      put('log after, MB', left / 1e6)
      put('log just loaded, MB', loaded / 1e6)
      ratios[`a log just loaded, bytes, ${keys} keys`] = left / loaded
    })
  }
  return { ratios, medians }
}

/** A log that holds all changes, of a pipeline that has ended. */
interface Filled {
  readonly config: Config
  readonly log: SourceStatus['log']
  readonly seconds: number
  /** Seconds of the processor. */
  readonly cpu: number
  readonly isFilled: (source: SourceStatus) => boolean
}

interface Config {
  readonly file: string
  readonly state: string
  readonly keys: number
  readonly changes: number
}

/** Runs a pipeline without sinks until its source has no more changes and the index holds them all. */
async function withLog<T>(keys: number, changes: number, use: (filled: Filled) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-bench-'))
  try {
    const file = join(folder, 'tailrace.yaml')
    const config = { file, state: join(folder, 'data', 'tailrace.json'), keys, changes }
    const isFilled = ({ log, phase }: SourceStatus): boolean =>
      phase === 'streaming' && (log.records ?? 0) >= keys + changes && log.index?.behindBytes === 0
    // Nothing is compacted meanwhile.
    await writeFile(file, yamlOf(config, '7d'))
    const began = performance.now()
    const filled = await running(config, isFilled, async verb => {
      const seconds = (performance.now() - began) / 1000
      return { seconds, cpu: cpuSeconds(verb.pid), log: await logOf(verb) }
    })
    return await use({ ...filled, config, isFilled })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function compact(
  config: Config,
  isFilled: Filled['isFilled'],
): Promise<{ readonly report: CompactionReport; readonly cpu: number; readonly left: number }> {
  await writeFile(config.file, yamlOf(config, '0s'))
  return await running(config, isFilled, async verb => {
    const before = cpuSeconds(verb.pid)
    const { code, out, err } = await runVerb(['compact', '-c', config.file, '--json'])
    if (code !== 0) throw new Error(err)
    const report = (JSON.parse(out) as { sources: { gen: CompactionReport } }).sources.gen
    return { report, cpu: cpuSeconds(verb.pid) - before, left: (await logOf(verb)).bytes! }
  })
}

/** Runs the pipeline, and `use` once it is so. */
async function running<T>(
  { file, state }: Config,
  isSo: (source: SourceStatus) => boolean,
  use: (verb: RunningVerb) => Promise<T>,
): Promise<T> {
  await using verb = new RunningVerb(file, state)
  await verb.until(({ sources }) => isSo(sources.gen!), 'all is in the log', FILL_SECONDS)
  const result = await use(verb)
  verb.kill('SIGTERM')
  await verb.exit
  return result
}

function yamlOf({ keys, changes }: Config, keepHistory: string): string {
  return `pipeline: bench
log:
  path: ./data
  keepHistory: ${keepHistory}
  deleteRetention: 0s
sources:
  gen: { type: generate, rows: ${keys}, rate: max, changes: ${changes}, steady: true }
sinks: {}
http:
  listen: 127.0.0.1:0
`
}

async function logOf(running: RunningVerb): Promise<SourceStatus['log']> {
  return (await running.status())!.sources.gen!.log
}

/** Processor time of the process so far. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND
}
