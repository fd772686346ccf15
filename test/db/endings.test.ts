/** A run ends in good order on SIGTERM and SIGINT wherever it stands, and a later one goes on; `remove` leaves nothing. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { type RunningVerb, SmallPipeline } from '../support/small-pipeline.ts'
import { until } from '../support/until.ts'

let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres()
}, 60_000)

afterAll(() => server?.[Symbol.asyncDispose]())

/** Leads a run into the phase; what it answers is disposed behind the end. */
type Lead = (small: SmallPipeline, running: () => RunningVerb) => Promise<AsyncDisposable | undefined>

const PHASES: readonly (readonly [phase: string, lead: Lead])[] = [
  [
    'while its slot waits to be made',
    async (small, start) => {
      const client = await server.connect(small.database)
      await client.query("BEGIN; INSERT INTO item VALUES (9, 'nine')")
      start()
      await until(
        async () =>
          (await small.sql('SELECT FROM pg_replication_slots WHERE slot_name = $1', [small.slot])).length === 1,
        'the slot is being made',
        30,
      )
      return { [Symbol.asyncDispose]: () => client.end() }
    },
  ],
  [
    'in the first load',
    async (small, start) => {
      await small.sql("INSERT INTO item SELECT n, repeat('x', 500) FROM generate_series(10, 80000) n")
      await start().until(
        ({ sources }) => sources.app!.phase === 'loading' && (sources.app!.progress?.rows ?? 0) > 0,
        'it loads',
      )
      return undefined
    },
  ],
  [
    'in an idle stream',
    async (_small, start) => {
      await start().until(({ sinks }) => sinks.copy!.phase === 'live', 'it is live')
      return undefined
    },
  ],
  [
    'in a busy stream',
    async (small, start) => {
      await start().until(({ sources }) => sources.app!.phase === 'streaming', 'it streams')
      await small.sql("INSERT INTO item SELECT n, repeat('y', 200) FROM generate_series(10, 30000) n")
      return undefined
    },
  ],
  [
    'with its source paused',
    async (small, start) => {
      const running = start()
      await running.until(({ sources }) => sources.app!.phase === 'streaming', 'it streams')
      expect(await small.verb('pause', '--source', 'app')).toMatchObject({ code: 0 })
      return { [Symbol.asyncDispose]: async () => resumeAtNextStart(small) }
    },
  ],
  [
    'while a sink waits for its target',
    async (small, start) => {
      const running = start()
      await running.until(({ sinks }) => sinks.copy!.phase === 'live', 'it is live')
      const holder = new DatabaseSync(join(small.folder, 'copy.db'))
      holder.exec('BEGIN EXCLUSIVE')
      await small.sql("INSERT INTO item VALUES (10, 'ten')")
      await running.until(({ sinks }) => sinks.copy!.state === 'waiting', 'the sink waits')
      return { [Symbol.asyncDispose]: async () => holder.close() }
    },
  ],
]

const SIGNALS = ['SIGTERM', 'SIGINT'] as const

/** A pause outlives the process. */
async function resumeAtNextStart(small: SmallPipeline): Promise<void> {
  const running = small.start()
  await running.until(({ sources }) => sources.app!.state === 'paused', 'it is still paused')
  expect(await small.verb('resume', '--source', 'app')).toMatchObject({ code: 0 })
  running.kill('SIGTERM')
  expect(await running.exit).toBe(0)
}

describe('a signal', () => {
  // Both are heard in one way: each phase ends with one of them.
  it.each(PHASES.map(([phase, lead], i) => [SIGNALS[i % 2]!, phase, lead] as const))(
    '%s ends a run %s with exit 0, and the next one converges',
    async (signal, _phase, lead) => {
      await using small = await SmallPipeline.open(server)
      let running: RunningVerb | undefined
      const held = await lead(small, () => {
        running = small.start()
        return running
      })
      running!.kill(signal)
      const code = await running!.exit
      if (code !== 0) throw new Error(`exit ${code}:\n${running!.output}`)
      await held?.[Symbol.asyncDispose]()
      expect(await small.runOnce()).toMatchObject({ code: 0 })
      const { source, sink } = await small.rows()
      expect(sink).toEqual(source)
    },
    60_000,
  )
})

it('a second signal ends a run at once with exit 1', async () => {
  await using small = await SmallPipeline.open(server)
  const running = small.start()
  await running.until(({ sinks }) => sinks.copy!.phase === 'live', 'it is live')
  using holder = new DatabaseSync(join(small.folder, 'copy.db'))
  holder.exec('BEGIN EXCLUSIVE')
  await small.sql("INSERT INTO item VALUES (10, 'ten')")
  await running.until(({ sinks }) => (sinks.copy!.lag.records ?? 0) > 0, 'the sink is behind')
  running.kill('SIGTERM')
  await until(() => running.output.includes('stopping'), 'it has heard the first')
  running.kill('SIGTERM')
  expect(await running.exit).toBe(1)
}, 60_000)

it('remove leaves neither slot nor publication nor log behind', async () => {
  await using small = await SmallPipeline.open(server)
  expect(await small.runOnce()).toMatchObject({ code: 0 })
  const left = async (): Promise<unknown[]> => [
    ...(await small.sql('SELECT slot_name FROM pg_replication_slots WHERE database = current_database()')),
    ...(await small.sql('SELECT pubname FROM pg_publication')),
  ]
  expect(await left()).toHaveLength(2)
  expect(await small.verb('remove', '--source', 'app')).toMatchObject({ code: 2 })
  expect(await left()).toHaveLength(2)
  expect(await small.verb('remove', '--source', 'app', '--yes')).toMatchObject({ code: 0 })
  expect(await left()).toEqual([])
  expect(await small.verb('remove', '--sink', 'copy', '--yes')).toMatchObject({ code: 0 })
  expect((await small.rows()).sink).toEqual([])
  expect(await small.runOnce()).toMatchObject({ code: 0 })
  const { source, sink } = await small.rows()
  expect(sink).toEqual(source)
}, 60_000)

it('remove refuses while the pipeline runs', async () => {
  await using small = await SmallPipeline.open(server)
  await small.start().until(({ sinks }) => sinks.copy!.phase === 'live', 'it is live')
  expect(await small.verb('remove', '--source', 'app', '--yes')).toMatchObject({
    code: 3,
    err: expect.stringMatching(/^STILL_RUNNING/),
  })
}, 60_000)
