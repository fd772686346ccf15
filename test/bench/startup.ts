/**
 * How long a process takes from its start until its source runs, by the size of the log: made by `generate`, one table of
 * 1 M rows and their changes. Each after an end in good order and after a kill amid writing; at the first size also without
 * its index, which is built anew beside the stream. `--gb 1,5,10`.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { INDEX_FOLDER } from '../../runtime/log/embedded/key-index/opening.ts'
import { MemorySampler } from '../support/large/memory.ts'
import { RunningVerb } from '../support/small-pipeline.ts'
import { type BenchResult, median, note } from './support/result.ts'

const GB = 1024 ** 3
const ROUNDS = 5
/** Enough for 10 GB on a slow disk. */
const FILL_SECONDS = 3600

export default async function startup(args: readonly string[]): Promise<BenchResult> {
  const { values } = parseArgs({ args: [...args], options: { gb: { type: 'string', default: '1,5,10' } } })
  const sizes = values.gb.split(',').map(Number)
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-bench-'))
  const config = join(folder, 'tailrace.yaml')
  const start = async (rate: string): Promise<RunningVerb> => {
    await writeFile(config, yamlOf(rate))
    return new RunningVerb(config, join(folder, 'data', 'tailrace.json'))
  }
  const medians: Record<string, number> = {}
  try {
    for (const [i, size] of sizes.entries()) {
      note(`filling ${size} GB`)
      await using filling = await start('max')
      await filling.until(({ sources }) => (sources.gen?.log.bytes ?? 0) >= size * GB, 'it is filled', FILL_SECONDS)
      await end(filling, 'SIGTERM')
      const [ready, memory]: [number[], number[]] = [[], []]
      for (let round = 0; round < ROUNDS; round++) {
        const { seconds, peakMb } = await readyAfter(() => start('10'), 'SIGTERM')
        ready.push(seconds)
        memory.push(peakMb)
      }
      medians[`${size} GB, ready, s`] = rounded(median(ready))
      medians[`${size} GB, memory until then, MB`] = Math.round(median(memory))
      const killed: number[] = []
      for (let round = 0; round < ROUNDS; round++) {
        await readyAfter(() => start('max'), 'SIGKILL')
        killed.push((await readyAfter(() => start('10'), 'SIGTERM')).seconds)
      }
      medians[`${size} GB, ready after a kill, s`] = rounded(median(killed))
      if (i > 0) continue
      await rm(join(folder, 'data', 'gen', INDEX_FOLDER), { recursive: true })
      const { seconds, indexed } = await readyAfter(() => start('10'), 'SIGTERM', true)
      medians[`${size} GB without its index, ready, s`] = rounded(seconds)
      medians[`${size} GB without its index, built anew, s`] = rounded(indexed)
    }
    return { ratios: {}, medians }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function yamlOf(rate: string): string {
  return `pipeline: bench
log:
  path: ./data
sources:
  gen: { type: generate, rows: 1000000, rate: ${rate} }
sinks: {}
http:
  listen: 127.0.0.1:0
`
}

/** `indexed`: seconds until the index followed the log, if that is waited for. */
async function readyAfter(start: () => Promise<RunningVerb>, signal: NodeJS.Signals, isIndexAwaited = false) {
  const began = performance.now()
  const since = (): number => (performance.now() - began) / 1000
  await using running = await start()
  await using memory = await MemorySampler.start(running.pid)
  await running.until(({ sources }) => sources.gen?.state === 'running', 'it is ready', 600)
  const seconds = since()
  const { peakMb } = memory.get()
  if (isIndexAwaited)
    await running.until(
      ({ sources }) => sources.gen?.log.index?.state === 'following',
      'the index is there',
      FILL_SECONDS,
    )
  const indexed = since()
  await end(running, signal)
  return { seconds, peakMb, indexed }
}

async function end(running: RunningVerb, signal: NodeJS.Signals): Promise<void> {
  running.kill(signal)
  await running.exit
}

const rounded = (seconds: number): number => Math.round(seconds * 100) / 100
