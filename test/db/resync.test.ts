import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { ResyncRig, TABLE } from '../support/resync-rig.ts'
import { until } from '../support/until.ts'

const ROWS = 2000
const DIFFERENCE = { changed: 100, deleted: 10, added: 10 }
const COMMAND = 'tailrace backfill --source app --resnapshot'
const signal = (): AbortSignal => AbortSignal.timeout(60_000)

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres({
    settings: { max_slot_wal_keep_size: '16MB', min_wal_size: '32MB', max_wal_size: '32MB' },
  })
})
afterAll(() => server[Symbol.asyncDispose]())

const failedWith = (code: string): unknown => ({
  code,
  message: expect.any(String),
  hint: expect.stringContaining(COMMAND),
})

/** Exactly what differs was appended, the sink was never emptied and is equal. */
async function resyncs(rig: ResyncRig, at = server): Promise<void> {
  const { appended, keys, fewest } = await rig.resync()
  expect({ appended, keys }).toEqual({ appended: { r: 110, d: 10 }, keys: 120 })
  expect(fewest).toBeGreaterThanOrEqual(ROWS - DIFFERENCE.deleted)
  await isEqual(rig, at)
}

async function isEqual(rig: ResyncRig, at = server): Promise<void> {
  const { source, sink } = await rig.sides(at)
  expect(source.length).toBe(ROWS)
  expect(sink).toEqual(source)
}

/** The new stream goes on, also over a restart. */
async function streams(rig: ResyncRig, at = server): Promise<void> {
  await rig.sql("UPDATE item SET name = 'streamed' WHERE id = 500", at)
  await rig.pipeline.wait(undefined, signal())
  await rig.stop()
  await rig.sql("UPDATE item SET name = 'streamed' WHERE id = 501", at)
  await rig.start()
  expect(await rig.source()).toMatchObject({ state: 'running', phase: 'streaming', error: null })
  await isEqual(rig, at)
}

describe('a source whose stream cannot go on', () => {
  it('fails with the command that resyncs it, and on that command gets exactly what differs', async () => {
    await using rig = await ResyncRig.open(server, ROWS)
    await rig.sql(`SELECT pg_drop_replication_slot('${rig.slot}')`)
    await rig.differ(DIFFERENCE)
    expect(await rig.failure()).toEqual(failedWith('SLOT_LOST'))
    await rig.pipeline.resume({ source: 'app' })
    await until(async () => (await rig.source()).state === 'failed', 'it fails again')
    await resyncs(rig)
    await streams(rig)
  })

  it('gets a new slot where the server gave the old one up', async () => {
    await using rig = await ResyncRig.open(server, ROWS)
    await rig.differ(DIFFERENCE)
    const isLost = async (): Promise<boolean> => {
      await server.sql(
        "SELECT pg_logical_emit_message(false, 'fill', repeat('x', 1000000)) FROM generate_series(1, 40)",
      )
      await server.sql('SELECT pg_switch_wal()')
      await server.sql('CHECKPOINT')
      const [row] = await server.sql(`SELECT wal_status FROM pg_replication_slots WHERE slot_name = '${rig.slot}'`)
      return row!.wal_status === 'lost'
    }
    await until(isLost, 'the slot is lost', 60)
    expect(await rig.failure()).toEqual(failedWith('SLOT_LOST'))
    await resyncs(rig)
    await streams(rig)
  })

  it('gets a new publication and slot where the publication was dropped, or made again', async () => {
    await using rig = await ResyncRig.open(server, ROWS)
    await rig.differ(DIFFERENCE)
    await rig.sql(`DROP PUBLICATION ${rig.slot}`)
    expect(await rig.failure()).toEqual(failedWith('PUBLICATION_MISSING'))
    await resyncs(rig)
    await rig.stop()
    await rig.sql(`DROP PUBLICATION ${rig.slot}; CREATE PUBLICATION ${rig.slot} FOR TABLE item`)
    expect(await rig.failure()).toEqual(failedWith('PUBLICATION_REPLACED'))
    expect((await rig.resync()).keys).toBe(0)
    await streams(rig)
  })

  it('gets a new slot where the old one was read by another, or belongs to another plugin', async () => {
    await using rig = await ResyncRig.open(server, ROWS)
    await rig.differ(DIFFERENCE)
    await rig.sql(`SELECT pg_replication_slot_advance('${rig.slot}', pg_current_wal_lsn())`)
    expect(await rig.failure()).toEqual(failedWith('SLOT_AHEAD'))
    await resyncs(rig)
    await rig.stop()
    await rig.sql(`SELECT pg_drop_replication_slot('${rig.slot}')`)
    await rig.sql(`SELECT pg_create_logical_replication_slot('${rig.slot}', 'test_decoding')`)
    expect(await rig.failure()).toEqual(failedWith('SLOT_LOST'))
    expect((await rig.resync()).keys).toBe(0)
    await streams(rig)
  })

  it('goes on as it is where it can: its slot stays, and the tables are read again', async () => {
    await using rig = await ResyncRig.open(server, ROWS)
    const restart = async (): Promise<unknown> =>
      await rig.sql(`SELECT catalog_xmin FROM pg_replication_slots WHERE slot_name = '${rig.slot}'`)
    const before = await restart()
    await rig.start(['app'])
    expect((await rig.source()).tables).toMatchObject([{ table: TABLE, state: 'streaming', rows: ROWS }])
    expect(await restart()).toEqual(before)
    await isEqual(rig)
  })
})
