import { sleep } from '../abort.ts'
import type { PipelineProcess } from './pipeline-process.ts'
import { aligned, count, seconds } from './screen.ts'
import type { DemoSink } from './sinks/sink.ts'
import type { Stage } from './stage.ts'

const LOOK_MS = 200

/** Shows how far the first load of `total` rows is, until every sink holds it. Answers its seconds. */
export async function firstLoad(
  { screen, signal }: Stage,
  pipeline: PipelineProcess,
  sinks: readonly DemoSink[],
  total: number,
): Promise<number> {
  const began = performance.now()
  let done = false
  const loaded = pipeline.wait(signal).finally(() => {
    done = true
  })
  loaded.catch(() => {})
  while (!done) {
    const status = await pipeline.status(signal)
    const { progress, phase } = status.sources.app ?? {}
    const inLog = progress?.rows ?? (phase === 'loading' ? 0 : total)
    const applied = sinks.map(({ name }) => status.sinks[name]?.applied ?? 0)
    const numbers = [inLog, ...applied].map(rows => count(Math.min(rows, total)))
    const table = [
      ['first load', 'log', ...sinks.map(({ name }) => name)],
      [`of ${count(total)}`, ...numbers],
    ]
    if (screen.redraws) screen.draw(aligned(table, new Set(numbers.map((_, i) => i + 1))))
    await Promise.race([loaded, sleep(LOOK_MS, signal)])
  }
  await loaded
  const took = (performance.now() - began) / 1000
  screen.done(`${count(total)} rows into the log and all sinks in ${seconds(took)}`)
  return took
}
