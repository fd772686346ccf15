import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { redisProgram } from '../support/cached-redis.ts'
import { DuckdbHand, RedisHand, type SinkHand, SqliteHand } from '../support/false-rows.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { startRedis } from '../support/redis.ts'
import { itIf } from '../support/skip.ts'
import { refusalOf, SmallPipeline } from '../support/small-pipeline.ts'
import { TABLE, VerifyRig } from '../support/verify-rig.ts'

const ROWS = 12_000
const FALSE = 50
const redisProblem = await redisProgram().then(
  () => undefined,
  (error: unknown) => String(error),
)

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server[Symbol.asyncDispose]())

function open(sinks: Readonly<Record<string, string>>): Promise<VerifyRig> {
  return VerifyRig.open(server, { rows: ROWS, rate: 100, seed: 1, sinks })
}

/** Everything that was falsified is named, with its columns, and nothing else. */
async function named(rig: VerifyRig, sink: string, expected: readonly string[]): Promise<void> {
  const { report, item, told } = await rig.verify(sink)
  expect(told.lines).toEqual(expected)
  expect(told.differences.every(({ table, fixed }) => table === TABLE && !fixed)).toBe(true)
  expect(report.equal).toBe(false)
  expect(item).toMatchObject({ missing: 10, extra: 10, different: 30, fixed: 0, unsettled: 0 })
  expect(item.compared).toBeGreaterThan(ROWS * 0.9)
  expect(rig.changeRate).toBeGreaterThan(10)
}

/** All of it is written anew, and a comparison then finds nothing. */
async function mended(rig: VerifyRig, sink: string, expected: readonly string[]): Promise<void> {
  const { report, told } = await rig.verify(sink, true)
  expect(told.lines).toEqual(expected)
  expect(told.differences.filter(({ fixed }) => !fixed)).toEqual([])
  expect(report.equal).toBe(true)
  const again = await rig.verify(sink)
  expect(again.told.lines).toEqual([])
}

async function namesWhatIsFalse(rig: VerifyRig, sink: string, hand: SinkHand): Promise<void> {
  const { report, told } = await rig.verify(sink)
  expect(told.lines).toEqual([])
  expect(report.equal).toBe(true)
  const expected = await rig.falsify(hand, FALSE)
  await named(rig, sink, expected)
  await mended(rig, sink, expected)
}

describe('verify under a writer', () => {
  it('names what is wrong in SQLite, all of it and nothing else', async () => {
    await using rig = await open({ copy: 'type: sqlite\npath: ./copy.db' })
    await namesWhatIsFalse(rig, 'copy', new SqliteHand(rig.path('copy.db')))
  }, 120_000)

  itIf(redisProblem === undefined, redisProblem ?? '')(
    'names what is wrong in Redis, all of it and nothing else',
    async () => {
      await using redis = await startRedis()
      await using rig = await open({ cache: `type: redis\nurl: ${redis.url()}` })
      await namesWhatIsFalse(rig, 'cache', new RedisHand(redis))
    },
    120_000,
  )

  it('names what is wrong in DuckDB, all of it and nothing else', async () => {
    await using rig = await open({ warehouse: 'type: duckdb\npath: ./warehouse.duckdb' })
    const hand = new DuckdbHand(rig.path('warehouse.duckdb'))
    await namesWhatIsFalse(rig, 'warehouse', rig.whilePaused('warehouse', hand))
  }, 120_000)
})

describe('the verb verify', () => {
  it('exits with 0 when all is equal, with 4 naming what differs, and with 3 where nothing runs', async () => {
    await using small = await SmallPipeline.open(server)
    expect(refusalOf(await small.verb('verify', '--sink', 'copy', '--json'))).toMatchObject({ code: 'NOT_RUNNING' })
    await using running = small.start()
    await running.until(({ sinks }) => sinks.copy!.phase === 'live', 'the sink is live')
    const equal = await small.verb('verify', '--sink', 'copy')
    expect(equal.code).toBe(0)
    expect(equal.out).toContain('copy equals its sources.')
    using database = new DatabaseSync(join(small.folder, 'copy.db'), { timeout: 10_000 })
    database.exec("UPDATE public_item SET name = '' WHERE id = 2; DELETE FROM public_item WHERE id = 3")
    const { code, out } = await small.verb('verify', '--sink', 'copy', '--table', 'app.public.*')
    expect(code).toBe(4)
    expect(out).toMatch(/^different {2}app\.public\.item {2}2 {2}name$/m)
    expect(out).toMatch(/^missing {4}app\.public\.item {2}3$/m)
    expect((await small.verb('verify', '--sink', 'copy', '--table', 'app.public.none')).code).toBe(2)
    const fixed = await small.verb('verify', '--sink', 'copy', '--fix')
    expect(fixed.code).toBe(0)
    expect(fixed.out).toContain('copy equals its sources, 2 keys mended.')
    const { source, sink } = await small.rows()
    expect(sink).toEqual(source)
    await small.verb('pause', '--source', 'app')
    const paused = await small.verb('verify', '--sink', 'copy', '--json')
    expect([paused.code, refusalOf(paused)?.code]).toEqual([3, 'PART_NOT_RUNNING'])
  }, 120_000)
})
