/** 1,000 commits under 1,000 background changes a second, each waited for and then read; the verb; a paused sink. */
import { BusyPipeline } from '../crash/busy-pipeline.ts'
import { FreshReads, percentile } from '../crash/fresh-read.ts'
import { seedFrom } from '../crash/random.ts'
import { startPostgres } from '../support/postgres.ts'
import type { Figures } from '../support/run-full.ts'
import { runVerb } from '../support/run-verb.ts'

const READS = 1000
const VERBS = 20
/** About 5.5 changes are committed per transaction that the writer begins. */
const RATE = 200
const LEAST_CHANGES = 1000
const MOST_MS = 100

export default async function wait(args: readonly string[]): Promise<Figures> {
  const seed = seedFrom(args)
  console.log(`seed: ${seed}`)
  await using server = await startPostgres()
  await using busy = await BusyPipeline.start(server, { seed, rate: RATE, filled: 10_000 })
  const { pipeline, writer } = busy
  await using reads = new FreshReads(await server.connect(busy.database), pipeline)

  const took: number[] = []
  const stale: string[] = []
  const before = writer.changes
  const began = performance.now()
  for (let i = 0; i < READS; i++) {
    const row = await reads.commit()
    took.push(await reads.waitOverHttp())
    stale.push(...reads.stale(row))
  }
  const changes = (writer.changes - before) / ((performance.now() - began) / 1000)

  const config = ['-c', pipeline.site.config]
  for (let i = 0; i < VERBS; i++) {
    const row = await reads.commit()
    const { code, err } = await runVerb(['wait', ...config])
    if (code !== 0) throw new Error(`wait exited with ${code}: ${err}`)
    stale.push(...reads.stale(row))
  }
  await runVerb(['pause', ...config, '--sink', 'rows'])
  await reads.commit()
  const paused = await runVerb(['wait', ...config, '--timeout', '2'])
  await runVerb(['resume', ...config, '--sink', 'rows'])
  const resumed = await runVerb(['wait', ...config])

  const p99 = percentile(took, 0.99)
  const figures = {
    seed,
    reads: READS,
    'stale reads': stale.length,
    'background changes/s': Math.round(changes),
    'wait p50, ms': Number(percentile(took, 0.5).toFixed(1)),
    'wait p99, ms': Number(p99.toFixed(1)),
    'wait max, ms': Number(percentile(took, 1).toFixed(1)),
    connections: reads.connections,
    verbs: VERBS,
    'exit with the sink paused': String(paused.code),
    'exit when resumed': String(resumed.code),
  }
  const faults = [
    ...stale.slice(0, 10),
    ...(changes < LEAST_CHANGES ? ['the background was too slow: the machine is busy'] : []),
    ...(p99 >= MOST_MS ? ['p99 is too long'] : []),
    ...(reads.connections === 1 ? [] : ['the connection was not kept alive']),
    ...(paused.code === 4 ? [] : [`wait did not give up on a paused sink: ${paused.err}`]),
    ...(resumed.code === 0 ? [] : [`wait failed behind a paused sink: ${resumed.err}`]),
  ]
  if (faults.length > 0) throw new Error(`${faults.join('\n')}\n${JSON.stringify(figures, undefined, 2)}`)
  return figures
}
