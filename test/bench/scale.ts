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
    const loaded = await withLog(keys, 0, async running => (await logOf(running)).bytes!)
    note(`${keys} keys, ${CHANGES_A_KEY} changes of each`)
    await withLog(keys, keys * (CHANGES_A_KEY - 1), async (running, config, seconds) => {
      const { records, bytes } = await logOf(running)
      const appended = cpuSeconds(running.pid)
      const { code, out, err } = await runVerb(['compact', '-c', config, '--json'])
      if (code !== 0) throw new Error(err)
      const report = (JSON.parse(out) as { sources: { gen: CompactionReport } }).sources.gen
      const compacted = cpuSeconds(running.pid) - appended
      const left = (await logOf(running)).bytes!
      const put = (figure: string, value: number): void => {
        medians[`${keys} keys: ${figure}`] = Math.round(value * 100) / 100
      }
      put('appended and indexed, changes/s', Math.round(records! / seconds))
      put('appended and indexed, CPU s/1M', (appended / records!) * 1e6)
      put('compacted, CPU s/1M', (compacted / report.scanned) * 1e6)
      put('compacted, changes a core-second', Math.round(report.scanned / compacted))
      put('changes', report.scanned)
      put('changes kept', report.kept)
      put('log before, MB', bytes! / 1e6)
      put('log after, MB', left / 1e6)
      put('log just loaded, MB', loaded / 1e6)
      ratios[`a log just loaded, bytes, ${keys} keys`] = left / loaded
    })
  }
  return { ratios, medians }
}

/** Runs a pipeline without sinks until its source has no more changes and the index holds them all. */
async function withLog<T>(
  keys: number,
  changes: number,
  use: (running: RunningVerb, config: string, seconds: number) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-bench-'))
  try {
    const config = join(folder, 'tailrace.yaml')
    await writeFile(config, yamlOf(keys, changes))
    const began = performance.now()
    await using running = new RunningVerb(config, join(folder, 'data', 'tailrace.json'))
    const isFilled = ({ log, phase }: SourceStatus): boolean =>
      phase === 'streaming' && (log.records ?? 0) >= keys + changes && log.index?.behindBytes === 0
    await running.until(({ sources }) => isFilled(sources.gen!), 'all is in the log', FILL_SECONDS)
    const result = await use(running, config, (performance.now() - began) / 1000)
    running.kill('SIGTERM')
    await running.exit
    return result
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function yamlOf(keys: number, changes: number): string {
  return `pipeline: bench
log:
  path: ./data
  keepHistory: 0s
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
