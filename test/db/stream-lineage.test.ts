import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import { formatLsn, parseLsn } from '../../connectors/postgres/position.ts'
import type { Position } from '../../runtime/contract.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { StreamRig } from '../support/postgres-source.ts'
import { until } from '../support/until.ts'

describe('a PostgreSQL source that is started again', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres({ settings: { restore_command: 'false' } })
  })
  afterAll(async () => server?.[Symbol.asyncDispose]())

  async function begin(): Promise<{ rig: StreamRig; sql: (text: string) => Promise<unknown> }> {
    const url = await server.createDatabase()
    const sql = (text: string): Promise<unknown> => server.sql(text, [], new URL(url).pathname.slice(1))
    await sql('CREATE TABLE t (id int PRIMARY KEY)')
    const rig = new StreamRig(url)
    await rig.begin()
    return { rig, sql }
  }

  const stop = (code: string): unknown => expect.objectContaining({ code, recovery: 'stop', hint: expect.any(String) })

  it('goes on where everything is as it was', async () => {
    const { rig } = await begin()
    expect(await rig.startError()).toBeUndefined()
  })

  it('stops at another cluster behind the same address', async () => {
    const { rig } = await begin()
    const from = rig.log.resume()!
    const other = { ...from, identity: { ...from.identity, system: '7000000000000000000' } }
    expect(await rig.startError(other)).toEqual(stop('SOURCE_REPLACED'))
  })

  it('stops at a server that was set back behind what the log holds', async () => {
    const { rig } = await begin()
    const from = { ...rig.log.resume()!, stream: 'FF/0' as Position }
    expect(await rig.startError(from)).toEqual(stop('SOURCE_BEHIND'))
  })

  it('stops when the slot is gone, or belongs to another plugin', async () => {
    const { rig, sql } = await begin()
    await sql(`SELECT pg_drop_replication_slot('${rig.slot}')`)
    expect(await rig.startError()).toEqual(stop('SLOT_LOST'))
    await sql(`SELECT pg_create_logical_replication_slot('${rig.slot}', 'test_decoding')`)
    expect(await rig.startError()).toEqual(stop('SLOT_LOST'))
  })

  it('stops when the slot was read by another beyond what the log holds', async () => {
    const { rig, sql } = await begin()
    await sql('INSERT INTO t VALUES (1)')
    await sql(`SELECT pg_replication_slot_advance('${rig.slot}', pg_current_wal_lsn())`)
    expect(await rig.startError()).toEqual(stop('SLOT_AHEAD'))
  })

  it('says so while another reads from the slot, and starts once that one has ended', async () => {
    const { rig, sql } = await begin()
    await sql('INSERT INTO t VALUES (1)')
    {
      await using holder = rig.open()
      const batches = rig.stream(holder, AbortSignal.timeout(20_000))
      await batches.next()
      expect(await rig.startError()).toMatchObject({ code: 'SLOT_HELD', recovery: 'retry' })
      await batches.return(undefined)
    }
    expect(await rig.startError()).toBeUndefined()
  })

  it('stops when its publication is gone, or was made again, or lacks a table', async () => {
    const { rig, sql } = await begin()
    const name = rig.slot
    await sql(`ALTER PUBLICATION ${name} DROP TABLE t`)
    expect(await rig.startError()).toEqual(stop('PUBLICATION_TABLES'))
    await sql(`DROP PUBLICATION ${name}`)
    expect(await rig.startError()).toEqual(stop('PUBLICATION_MISSING'))
    await sql(`CREATE PUBLICATION ${name} FOR TABLE t`)
    expect(await rig.startError()).toEqual(stop('PUBLICATION_REPLACED'))
  })

  it('accepts a publication of the owner as it is, and refuses one that leaves something out', async () => {
    const { rig, sql } = await begin()
    const url = server.url(rig.pipeline)
    const own = (options: object = {}) =>
      new StreamRig(url, { publication: 'own', slot: `${rig.slot}_own`, ...options })
    await sql('CREATE PUBLICATION own FOR ALL TABLES')
    expect(await own().startError()).toBeUndefined()
    await sql(`SELECT pg_drop_replication_slot('${rig.slot}_own')`)
    await sql("ALTER PUBLICATION own SET (publish = 'insert')")
    expect(await own().startError()).toEqual(stop('PUBLICATION_UNSUITABLE'))
    await sql('DROP PUBLICATION own; CREATE PUBLICATION own FOR TABLE t WHERE (id > 5)')
    expect(await own().startError()).toEqual(stop('PUBLICATION_UNSUITABLE'))
  })

  it('leaves alone a slot of a configured name that it did not make', async () => {
    const { rig, sql } = await begin()
    await sql(`SELECT pg_create_logical_replication_slot('${rig.slot}_other', 'pgoutput')`)
    const other = new StreamRig(server.url(rig.pipeline), { slot: `${rig.slot}_other` })
    expect(await other.startError()).toEqual(stop('SLOT_EXISTS'))
  })

  it('goes on after a recovery that kept all it holds, and stops where commits were lost', async () => {
    const { rig, sql } = await begin()
    await sql('INSERT INTO t VALUES (1)')
    await rig.run(() => rig.log.rows.length === 1)
    await server.stop()
    await writeFile(join(server.dataDir, 'recovery.signal'), '')
    await server.start()
    const promoted = async (): Promise<boolean> => {
      const [row] = await server.sql('SELECT pg_is_in_recovery() AS busy')
      return row!.busy === 'f'
    }
    await until(promoted, 'the server has ended its recovery')
    await sql('INSERT INTO t VALUES (2)')
    const [head] = await server.sql('SELECT pg_current_wal_insert_lsn() AS at')
    const before = rig.log.resume()!
    await rig.run(() => rig.log.rows.length === 2)
    expect(rig.log.resume()!.identity.timeline).toBe('2')
    const ahead = { ...before, stream: formatLsn(parseLsn(head!.at!) - 1n) }
    expect(await rig.startError(ahead)).toEqual(stop('SOURCE_REWOUND'))
  })
})
