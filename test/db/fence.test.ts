import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type pg from 'pg'
import { takeFence } from '../../connectors/postgres/fence.ts'
import { parseLsn } from '../../connectors/postgres/position.ts'
import type { Chunk, Fence, TransactionId } from '../../runtime/contract.ts'
import { ChunkRig } from '../support/chunks.ts'
import { gather } from '../support/exported.ts'
import type { Line } from '../support/paper-log.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { until } from '../support/until.ts'

/** Commits of sessions that ask for it wait for a standby that does not exist; the rest are as always. */
let server: PostgresServer
beforeAll(async () => {
  server = await startPostgres({
    settings: {
      synchronous_commit: 'local',
      synchronous_standby_names: 'nobody',
      wal_writer_delay: '10s',
      max_prepared_transactions: '5',
    },
  })
})
afterAll(async () => server?.[Symbol.asyncDispose]())

const place = (): Promise<ChunkRig> =>
  ChunkRig.of(server, 'CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 0), (2, 0), (3, 0)')

async function chunkOf(rig: ChunkRig): Promise<{ fence: Fence; rows: string[] }> {
  const [chunk] = await gather(rig.load({ kind: 'all' }))
  return { fence: chunk!.fence, rows: valuesOf(chunk!) }
}

const valuesOf = ({ rows }: Chunk): string[] =>
  Array.from(rows, change => (change.kind === 'r' ? [`${change.text(0)}=${change.text(1)}`] : []))
    .flat()
    .sort()

/** What the stream brings until there are so many changes of rows. */
async function streamed(rig: ChunkRig, count: number): Promise<Line[]> {
  const { log } = rig.rig
  for await (const batch of rig.source.changes(AbortSignal.timeout(30_000))) {
    log.append(batch)
    if (log.rows.length >= count) break
  }
  return log.rows
}

/** A commit that is in the log and stays invisible until `release`. */
async function hang(rig: ChunkRig, update: string): Promise<{ xid: string; release: () => Promise<void> }> {
  const client = await server.connect(rig.database)
  await client.query(`SET synchronous_commit = on; BEGIN; ${update}`)
  const { rows } = await client.query<{ xid: string; pid: string }>(
    'SELECT pg_current_xact_id() AS xid, pg_backend_pid() AS pid',
  )
  const { xid, pid } = rows[0]!
  const committed = client.query('COMMIT')
  const waits = `SELECT 1 FROM pg_stat_activity WHERE pid = ${pid} AND wait_event = 'SyncRep'`
  await until(async () => (await rig.sql(waits)).length > 0, 'the commit waits for its standby')
  return {
    xid,
    async release() {
      await rig.sql(`SELECT pg_cancel_backend(${pid})`)
      await committed
      await client.end()
    },
  }
}

const sees = (rig: ChunkRig, fence: Fence, xid: string): boolean => rig.source.sees(fence, xid as TransactionId)

const idOf = async (client: pg.Client): Promise<string> =>
  (await client.query<{ xid: string }>('SELECT pg_current_xact_id() AS xid')).rows[0]!.xid

describe('a fence on a server', () => {
  it('does not see a commit that is streamed while it waits for a standby, though it is the end of the numbers', async () => {
    await using rig = await place()
    const hanging = await hang(rig, 'UPDATE t SET n = 1 WHERE id = 1')
    const { fence, rows } = await chunkOf(rig)
    expect(fence.data).toBe(`${hanging.xid}:${hanging.xid}:`)
    expect(rows).toEqual(['1=0', '2=0', '3=0'])
    const [line] = await streamed(rig, 1)
    expect(line!.transaction).toBe(hanging.xid)
    expect(sees(rig, fence, hanging.xid)).toBe(false)
    await hanging.release()
    expect(sees(rig, (await chunkOf(rig)).fence, hanging.xid)).toBe(true)
  })

  it('does not see it either among later commits, which it sees: visibility is not in the order of the log', async () => {
    await using rig = await place()
    const hanging = await hang(rig, 'UPDATE t SET n = 1 WHERE id = 1')
    await rig.sql('UPDATE t SET n = 2 WHERE id = 2')
    const { fence, rows } = await chunkOf(rig)
    expect(rows).toEqual(['1=0', '2=2', '3=0'])
    const lines = await streamed(rig, 2)
    expect(lines.map(({ transaction }) => sees(rig, fence, transaction!))).toEqual([false, true])
    expect(lines[0]!.transaction).toBe(hanging.xid)
    await hanging.release()
  })

  it('tells transactions with savepoints by their own number, which is all that the stream gives', async () => {
    await using rig = await place()
    const client = await server.connect(rig.database)
    await client.query(`BEGIN; SAVEPOINT a; UPDATE t SET n = 1 WHERE id = 1; RELEASE a;
      SAVEPOINT b; UPDATE t SET n = 9 WHERE id = 2; ROLLBACK TO b; SAVEPOINT c; UPDATE t SET n = 3 WHERE id = 3`)
    const xid = await idOf(client)
    const before = await chunkOf(rig)
    await client.query('COMMIT')
    await client.end()
    const after = await chunkOf(rig)
    expect(before.rows).toEqual(['1=0', '2=0', '3=0'])
    expect(after.rows).toEqual(['1=1', '2=0', '3=3'])
    const lines = await streamed(rig, 2)
    expect(lines.map(({ transaction }) => transaction)).toEqual([xid, xid])
    expect(sees(rig, before.fence, xid)).toBe(false)
    expect(sees(rig, after.fence, xid)).toBe(true)
    // Numbers of savepoints do occur in the rows.
    const [row] = await rig.sql('SELECT xmin FROM t WHERE id = 1')
    expect(row!.xmin).not.toBe(xid)
  })

  it('lies behind every commit that it sees, also one whose log is not written yet', async () => {
    await using rig = await place()
    const client = await server.connect(rig.database)
    await client.query('SET synchronous_commit = off')
    // The first page that is filled would be written: a commit behind it is not.
    await client.query('UPDATE t SET n = 5 WHERE id = 1')
    const { rows } = await client.query<{ written: string }>('SELECT pg_current_wal_lsn() AS written')
    const chunk = await chunkOf(rig)
    expect(chunk.rows).toContain('1=5')
    await client.query('SET synchronous_commit = local; UPDATE t SET n = 6 WHERE id = 2')
    await client.end()
    const [line] = await streamed(rig, 2)
    const commit = parseLsn(line!.commit)
    expect(sees(rig, chunk.fence, line!.transaction!)).toBe(true)
    expect(parseLsn(chunk.fence.high)).toBeGreaterThan(commit)
    expect(parseLsn(rows[0]!.written as string)).toBeLessThanOrEqual(commit)
  })

  it('does not see a transaction that is prepared until it is committed', async () => {
    await using rig = await place()
    const client = await server.connect(rig.database)
    await client.query('BEGIN; UPDATE t SET n = 7 WHERE id = 1')
    const xid = await idOf(client)
    await client.query("PREPARE TRANSACTION 'seven'")
    const before = await chunkOf(rig)
    await client.query("COMMIT PREPARED 'seven'")
    await client.end()
    const after = await chunkOf(rig)
    expect([before.rows[0], sees(rig, before.fence, xid)]).toEqual(['1=0', false])
    expect([after.rows[0], sees(rig, after.fence, xid)]).toEqual(['1=7', true])
  })

  it('is not taken on a standby', async () => {
    await using standby = await startPostgres()
    await standby.stop()
    await writeFile(join(standby.dataDir, 'standby.signal'), '')
    await standby.start()
    const client = await standby.connect()
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    await expect(takeFence(client)).rejects.toMatchObject({ code: 'SOURCE_STANDBY' })
    await client.end()
  }, 60_000)
})
