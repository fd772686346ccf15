import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { DIFFERENCE, failedWith, isEqual, resyncs, streams } from '../support/resync-expectations.ts'
import { ResyncRig, TABLE } from '../support/resync-rig.ts'
import { until } from '../support/until.ts'

const ROWS = 2000

let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres({
    settings: { max_slot_wal_keep_size: '16MB', min_wal_size: '32MB', max_wal_size: '32MB' },
  })
})
afterAll(() => server[Symbol.asyncDispose]())

describe('a source whose stream cannot go on', () => {
  it('fails with the command that resyncs it, and on that command gets exactly what differs', async () => {
    await using rig = await ResyncRig.open(server, ROWS)
    await rig.sql(`SELECT pg_drop_replication_slot('${rig.slot}')`)
    await rig.differ(DIFFERENCE, 1)
    expect(await rig.failure()).toEqual(failedWith('SLOT_LOST'))
    await rig.pipeline.resume({ source: 'app' })
    await until(async () => (await rig.source()).state === 'failed', 'it fails again')
    await resyncs(rig, server)
    await streams(rig, server)
  })

  it('gets a new slot where the server gave the old one up', async () => {
    await using rig = await ResyncRig.open(server, ROWS)
    await rig.differ(DIFFERENCE, 1)
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
    await resyncs(rig, server)
    await streams(rig, server)
  })

  it('gets a new publication and slot where the publication was dropped, or made again', async () => {
    await using rig = await ResyncRig.open(server, ROWS)
    await rig.differ(DIFFERENCE, 1)
    await rig.sql(`DROP PUBLICATION ${rig.slot}`)
    expect(await rig.failure()).toEqual(failedWith('PUBLICATION_MISSING'))
    await resyncs(rig, server)
    await rig.stop()
    await rig.sql(`DROP PUBLICATION ${rig.slot}; CREATE PUBLICATION ${rig.slot} FOR TABLE item`)
    expect(await rig.failure()).toEqual(failedWith('PUBLICATION_REPLACED'))
    expect((await rig.resync()).keys).toBe(0)
    await streams(rig, server)
  })

  it('gets a new slot where the old one was read by another, or belongs to another plugin', async () => {
    await using rig = await ResyncRig.open(server, ROWS)
    await rig.differ(DIFFERENCE, 1)
    await rig.sql(`SELECT pg_replication_slot_advance('${rig.slot}', pg_current_wal_lsn())`)
    expect(await rig.failure()).toEqual(failedWith('SLOT_AHEAD'))
    await resyncs(rig, server)
    await rig.stop()
    await rig.sql(`SELECT pg_drop_replication_slot('${rig.slot}')`)
    await rig.sql(`SELECT pg_create_logical_replication_slot('${rig.slot}', 'test_decoding')`)
    expect(await rig.failure()).toEqual(failedWith('SLOT_LOST'))
    expect((await rig.resync()).keys).toBe(0)
    await streams(rig, server)
  })

  it('takes a column that was added meanwhile for no other that was dropped, also if the values are the same', async () => {
    await using rig = await ResyncRig.open(server, ROWS)
    await rig.sql(`SELECT pg_drop_replication_slot('${rig.slot}')`)
    await rig.sql("ALTER TABLE item DROP COLUMN note, ADD COLUMN remark text DEFAULT ''")
    await rig.failure()
    await rig.resync()
    expect(rig.count("remark = ''")).toBe(ROWS)
  })

  it('goes on as it is where it can: its slot stays, and the tables are read again', async () => {
    await using rig = await ResyncRig.open(server, ROWS)
    const restart = async (): Promise<unknown> =>
      await rig.sql(`SELECT catalog_xmin FROM pg_replication_slots WHERE slot_name = '${rig.slot}'`)
    const before = await restart()
    await rig.start(['app'])
    expect((await rig.source()).tables).toMatchObject([{ table: TABLE, state: 'streaming', rows: ROWS }])
    expect(await restart()).toEqual(before)
    await isEqual(rig, server)
  })

  it('goes on with the passes of a resync that was interrupted, without the command and with what was read', async () => {
    const rows = 60_000
    await using rig = await ResyncRig.open(server, rows, 250)
    await rig.sql(`SELECT pg_drop_replication_slot('${rig.slot}')`)
    await rig.differ(DIFFERENCE, 1)
    await rig.failure()
    const from = rig.pipeline.log('app').end()!
    await rig.command()
    const table = async () => (await rig.source()).tables[0]!
    let read = 0
    await until(async () => {
      const { rows: now } = await table()
      read = now ?? 0
      return read > 0
    }, 'something is read again')
    await rig.stop()
    expect(read).toBeLessThan(rows)
    await rig.open()
    await until(async () => (await table()).state === 'resyncing', 'it goes on')
    expect((await table()).rows).toBeGreaterThanOrEqual(read)
    await rig.pipeline.wait(undefined, AbortSignal.timeout(60_000))
    expect(await rig.appended(from)).toEqual({ appended: { r: 110, d: 10 }, keys: 120 })
    await isEqual(rig, server)
  })
})
