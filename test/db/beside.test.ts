/** Rows read again beside the stream of a real server: by command, by difference, and where the log lacks columns. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type { PipelineStatus, TableStatus } from '../../runtime/status.ts'
import { Random } from '../crash/random.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { type RunningVerb, refusalOf, SmallPipeline } from '../support/small-pipeline.ts'

const TABLE = 'app.public.item'
const ROWS = 12_000

let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres()
}, 60_000)

afterAll(() => server?.[Symbol.asyncDispose]())

/** With rows whose names are numbers that only grow, loaded and streaming. */
async function streaming(small: SmallPipeline, rows = ROWS): Promise<RunningVerb> {
  await small.sql('CREATE SEQUENCE n')
  await small.sql(`INSERT INTO item SELECT g, nextval('n') FROM generate_series(100, ${rows + 99}) g`)
  const running = small.start()
  await running.until(({ sources }) => sources.app?.phase === 'streaming', 'it streams')
  return running
}

function tableOf(status: PipelineStatus | undefined): TableStatus {
  return status!.sources.app!.tables.find(({ table }) => table === TABLE)!
}

/** Changes rows until it is told to stop. */
async function write(small: SmallPipeline, seed: number, stop: AbortSignal): Promise<void> {
  const random = new Random(seed)
  const client = await server.connect(small.database)
  try {
    while (!stop.aborted) {
      const id = random.between(100, ROWS + 200)
      if (random.chance(0.2)) await client.query('DELETE FROM item WHERE id = $1', [id])
      else
        await client.query(
          `INSERT INTO item VALUES ($1, nextval('n')) ON CONFLICT (id) DO UPDATE SET name = nextval('n')`,
          [id],
        )
    }
  } finally {
    await client.end()
  }
}

async function expectEqual(small: SmallPipeline, running: RunningVerb): Promise<void> {
  const said = await small.verb('wait', '--timeout', '60')
  if (said.code !== 0) throw new Error(`${said.err}\n${running.output}`)
  const { source, sink } = await small.rows()
  expect(sink.length).toBe(source.length)
  expect(sink).toEqual(source)
}

/** The numbers of each key in the log never fall, and none comes from before its delete. */
async function expectNothingWentBack(small: SmallPipeline): Promise<void> {
  const { out } = await small.verb('changes', '--table', TABLE, '--from', 'start')
  const newest = new Map<string, number>()
  for (const line of out.trim().split('\n')) {
    const { key, value } = JSON.parse(line) as {
      key: { id: number }
      value: { op: string; after: { name: string } | null }
    }
    const id = String(key?.id)
    if (value.after === null || value.after.name === null) continue
    const n = Number(value.after.name)
    if (Number.isNaN(n)) continue
    if (n < (newest.get(id) ?? 0)) throw new Error(`key ${id} went back from ${newest.get(id)} to ${n}`)
    newest.set(id, n)
  }
}

/** Runs SQL whose deletes the publication does not send. */
async function deleteInSilence(small: SmallPipeline, where: string): Promise<void> {
  const publication = `"tailrace_${small.database}_app"`
  await small.sql(`ALTER PUBLICATION ${publication} SET (publish = 'insert, update')`)
  await small.sql(`DELETE FROM item WHERE ${where}`)
  await small.sql(`ALTER PUBLICATION ${publication} SET (publish = 'insert, update, delete, truncate')`)
}

describe('a backfill', () => {
  it('reads a table again under writers: equal afterwards, and no key went back', async () => {
    await using small = await SmallPipeline.open(server)
    const running = await streaming(small)
    const stop = new AbortController()
    const writers = [1, 2].map(seed => write(small, seed, stop.signal))
    try {
      for (let round = 0; round < 2; round++) {
        const said = await small.verb('backfill', '--source', 'app', '--table', TABLE, '--json')
        if (said.code !== 0) throw new Error(`${said.err}\n${running.output}`)
        const { backfill } = JSON.parse(said.out) as { backfill: { tables: { rows: number }[] } }
        expect(backfill.tables).toEqual([{ table: TABLE, rows: expect.any(Number) }])
        expect(backfill.tables[0]!.rows).toBeGreaterThan(ROWS / 2)
      }
    } finally {
      stop.abort()
      await Promise.all(writers)
    }
    await expectEqual(small, running)
    await expectNothingWentBack(small)
  }, 180_000)

  it('goes on where it was after a restart, and wait includes it', async () => {
    await using small = await SmallPipeline.open(server)
    const running = await streaming(small)
    expect((await small.verb('backfill', '--source', 'app', '--detach')).code).toBe(0)
    running.kill('SIGKILL')
    await running.exit
    const again = small.start()
    await again.until(({ sources }) => sources.app?.state === 'running', 'it runs again')
    await expectEqual(small, again)
    const status = tableOf(await again.status())
    expect(status).toMatchObject({ state: 'streaming', error: null })
    expect(status.rows).toBeGreaterThanOrEqual(ROWS)
  }, 120_000)

  it('is refused by name where there is no such table, source or process', async () => {
    await using small = await SmallPipeline.open(server)
    const verb = async (...args: string[]) => refusalOf(await small.verb('backfill', '--json', ...args))
    expect(await verb('--source', 'app')).toMatchObject({ code: 'NOT_RUNNING' })
    const running = await streaming(small)
    expect(await verb('--source', 'app', '--table', 'app.public.itm')).toMatchObject({
      code: 'UNKNOWN_TABLE',
      hint: expect.stringContaining(`"${TABLE}"`),
    })
    expect(await verb('--source', 'ap')).toMatchObject({ code: 'UNKNOWN_SOURCE' })
    await expectEqual(small, running)
  }, 90_000)
})

describe('a resnapshot', () => {
  it('deletes what vanished without an event, under writers, and empties no sink', async () => {
    await using small = await SmallPipeline.open(server)
    const running = await streaming(small)
    await deleteInSilence(small, 'id BETWEEN 1000 AND 1999')
    const stop = new AbortController()
    const writer = write(small, 3, stop.signal)
    let said: Awaited<ReturnType<SmallPipeline['verb']>>
    try {
      said = await small.verb('backfill', '--source', 'app', '--resnapshot', '--json')
    } finally {
      stop.abort()
      await writer
    }
    if (said.code !== 0) throw new Error(`${said.err}\n${running.output}`)
    await expectEqual(small, running)
    await expectNothingWentBack(small)
  }, 120_000)

  it('stops where it would delete too much, red for that table, while the stream goes on; --yes goes on with it', async () => {
    await using small = await SmallPipeline.open(server)
    const running = await streaming(small, 30_000)
    await deleteInSilence(small, 'id >= 15000')
    const refused = await small.verb('backfill', '--source', 'app', '--resnapshot', '--json')
    expect(refused.code).toBe(1)
    expect(refusalOf(refused)).toMatchObject({
      code: 'RESYNC_TOO_MANY_DELETES',
      hint: expect.stringContaining(`backfill --source app --table ${TABLE} --resnapshot --yes`),
    })
    await small.sql("INSERT INTO item VALUES (7, '7')")
    await running.until(
      status =>
        status.health === 'red' && tableOf(status).state === 'failed' && status.sources.app?.state === 'running',
      'the table is red and the source runs',
    )
    const allowed = await small.verb('backfill', '--source', 'app', '--table', TABLE, '--resnapshot', '--yes', '--json')
    if (allowed.code !== 0) throw new Error(`${allowed.err}\n${running.output}`)
    await expectEqual(small, running)
    expect((await running.status())?.health).toBe('green')
  }, 120_000)
})

it('rows that came without all of their columns are read again until there are none', async () => {
  await using small = await SmallPipeline.open(server)
  small.settings.source.push('snapshot: never')
  await small.configure()
  await small.sql('ALTER TABLE item ADD COLUMN big text')
  await small.sql('ALTER TABLE item ALTER COLUMN big SET STORAGE EXTERNAL')
  await small.sql("INSERT INTO item SELECT g, 'a', repeat(md5(g::text), 200) FROM generate_series(100, 1199) g")
  const running = small.start()
  await running.until(({ sources }) => sources.app?.phase === 'streaming', 'it streams')
  await small.sql("UPDATE item SET name = 'b' WHERE id >= 100")
  await small.sql('DELETE FROM item WHERE id < 110')
  await running.until(
    status => {
      const { records, index } = status.sources.app!.log
      return records! > 1000 && index?.behindBytes === 0 && tableOf(status).incomplete === 0
    },
    'no row is incomplete',
    60,
  )
  expect((await small.verb('wait', '--timeout', '60')).code).toBe(0)
  const sink = await small.sink('SELECT CAST(id AS TEXT) AS id, name, big FROM public_item ORDER BY public_item.id')
  expect(sink).toHaveLength(1090)
  expect(sink).toEqual(await small.sql('SELECT id, name, big FROM item WHERE id >= 110 ORDER BY id'))
}, 120_000)
