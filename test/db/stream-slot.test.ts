import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals'
import type pg from 'pg'
import { postgresConfig } from '../../connectors/postgres/config.ts'
import { parseLsn } from '../../connectors/postgres/position.ts'
import { connectReplication, endConnection } from '../../connectors/postgres/replication.ts'
import { createSlot } from '../../connectors/postgres/slot.ts'
import type { Position } from '../../runtime/contract.ts'
import { createLogger } from '../../runtime/logger.ts'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { StreamRig } from '../support/postgres-source.ts'
import { until } from '../support/until.ts'

const SENDER_TIMEOUT_MS = 2000

describe('the slot of a PostgreSQL source', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres({ settings: { wal_sender_timeout: `${SENDER_TIMEOUT_MS}ms` } })
  })
  afterAll(async () => server?.[Symbol.asyncDispose]())

  async function begin(ddl = 'CREATE TABLE t (id int PRIMARY KEY, body text)'): Promise<{
    rig: StreamRig
    client: pg.Client
  }> {
    const url = await server.createDatabase()
    const database = new URL(url).pathname.slice(1)
    await server.sql(ddl, [], database)
    const rig = new StreamRig(url)
    await rig.begin()
    return { rig, client: await server.connect(database) }
  }

  async function confirmed({ slot }: StreamRig): Promise<bigint> {
    const [row] = await server.sql('SELECT confirmed_flush_lsn AS at FROM pg_replication_slots WHERE slot_name = $1', [
      slot,
    ])
    return parseLsn(row!.at!)
  }

  it('never stands beyond what was acknowledged, and stands there soon', async () => {
    const { rig, client } = await begin()
    await using source = rig.open()
    const signal = AbortSignal.timeout(30_000)
    let acknowledged = parseLsn(rig.log.position!)
    let count = 0
    await client.query('INSERT INTO t VALUES (0)')
    for await (const batch of rig.stream(source, signal)) {
      if (batch.end?.lane !== 'stream') continue
      expect(await confirmed(rig)).toBeLessThanOrEqual(acknowledged)
      if (++count > 2) break
      await client.query(`INSERT INTO t VALUES (${count})`)
      // Long enough for a status of its own to be sent, were one sent for what is only received.
      await setTimeout(SENDER_TIMEOUT_MS / 2)
      expect(await confirmed(rig)).toBeLessThanOrEqual(acknowledged)
      acknowledged = parseLsn(batch.end.position)
      source.ack(batch.end.position)
      await until(async () => (await confirmed(rig)) === acknowledged, 'the server knows what is durable')
    }
    await client.end()
  })

  it('is kept alive while the consumer is frozen for longer than the server waits, with data piling up', async () => {
    const { rig, client } = await begin()
    await client.query(`INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1, 40000) i`)
    let frozen = false
    await rig.run(() => rig.log.transactions.length === 1 && rig.log.rows.length === 40_000, {
      each: async () => {
        if (!frozen) await setTimeout(2.5 * SENDER_TIMEOUT_MS)
        frozen = true
      },
    })
    expect(frozen).toBe(true)
    await client.end()
  })

  it('moves on while only others write, within seconds', async () => {
    const { rig, client } = await begin()
    await client.query('CREATE TABLE later (id int)')
    const before = await confirmed(rig)
    await client.query('INSERT INTO later SELECT generate_series(1, 10000)')
    const [row] = await server.sql('SELECT pg_current_wal_lsn() AS at')
    const written = parseLsn(row!.at!)
    expect(written).toBeGreaterThan(before)
    await rig.run(() => parseLsn(rig.log.position!) >= written)
    expect(rig.log.texts).toEqual([])
    await until(async () => (await confirmed(rig)) >= written, 'idle log is acknowledged')
    await client.end()
  })

  it('is taken up again after the server ended the connection, which is an error to retry', async () => {
    const { rig, client } = await begin()
    await client.query('INSERT INTO t VALUES (1)')
    const kill = async (): Promise<void> => {
      await server.sql(
        'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1 AND active_pid IS NOT NULL',
        [rig.slot],
      )
    }
    await expect(rig.run(() => false, { each: kill })).rejects.toMatchObject({ recovery: 'retry' })
    await client.query('INSERT INTO t VALUES (2)')
    await rig.run(() => rig.log.rows.length === 2)
    expect(rig.log.texts).toEqual(['c app.public.t [1,null]', 'c app.public.t [2,null]'])
    await client.end()
  })

  it('of a first load that was interrupted stays, and what was read counts', async () => {
    const { rig, client } = await begin()
    await client.query('INSERT INTO t SELECT i FROM generate_series(1, 10) i')
    const interrupted = new StreamRig(server.url(rig.pipeline))
    {
      await using source = interrupted.open()
      const [request] = await source.start(undefined, AbortSignal.timeout(20_000))
      expect(request).toMatchObject({ restart: false })
      for await (const chunk of source.load(request!, AbortSignal.timeout(20_000))) interrupted.log.append(chunk.rows)
    }
    const before = await confirmed(rig)
    await client.query('DELETE FROM t WHERE id < 5')
    await using source = interrupted.open()
    const requests = await source.start(interrupted.log.resume(), AbortSignal.timeout(20_000))
    expect(requests).toEqual([])
    expect(await confirmed(rig)).toBe(before)
    await client.end()
  })

  it('that a running transaction keeps from being made: the transaction is named, and nothing is left', async () => {
    const url = await server.createDatabase()
    const database = new URL(url).pathname.slice(1)
    await server.sql('CREATE TABLE t (id int PRIMARY KEY)', [], database)
    const blocker = await server.connect(database)
    const config = postgresConfig.parse({ url, tables: ['public.*'] })
    await blocker.query('BEGIN; INSERT INTO t VALUES (1)')
    const [{ pid } = { pid: '' }] = (await blocker.query<{ pid: string }>('SELECT pg_backend_pid() AS pid')).rows
    const replication = await connectReplication(config, 'test', AbortSignal.timeout(20_000))
    const sql = await server.connect(database)
    const options = { config, version: 170_000, exportSnapshot: true, logger: createLogger('silent'), deadlineMs: 500 }
    const slot = 'blocked_slot'
    await expect(
      createSlot(replication, sql, { ...options, name: slot }, AbortSignal.timeout(20_000)),
    ).rejects.toMatchObject({
      code: 'SLOT_BLOCKED',
      recovery: 'retry',
      message: expect.stringContaining(pid),
    })
    const left = await server.sql('SELECT FROM pg_replication_slots WHERE slot_name = $1', [slot])
    expect(left).toEqual([])
    await blocker.query('COMMIT')
    const again = await connectReplication(config, 'test', AbortSignal.timeout(20_000))
    const made = await createSlot(again, sql, { ...options, name: slot }, AbortSignal.timeout(20_000))
    expect(made.snapshot).toBeDefined()
    endConnection(again)
    for (const one of [blocker, sql]) await one.end()
  })

  it('that is given up while it is being made leaves nothing behind', async () => {
    const url = await server.createDatabase()
    const database = new URL(url).pathname.slice(1)
    await server.sql('CREATE TABLE t (id int PRIMARY KEY)', [], database)
    const blocker = await server.connect(database)
    await blocker.query('BEGIN; INSERT INTO t VALUES (1)')
    const rig = new StreamRig(url)
    const stop = new AbortController()
    await using source = rig.open()
    const starting = source.start(undefined, stop.signal)
    const isMaking = async (): Promise<boolean> =>
      (await server.sql('SELECT FROM pg_replication_slots WHERE slot_name = $1', [rig.slot])).length > 0
    await until(isMaking, 'the slot is being made')
    stop.abort(new Error('enough'))
    await expect(starting).rejects.toThrow('enough')
    expect(await isMaking()).toBe(false)
    await blocker.end()
  })

  it('tells the position at once and again while someone waits for it, though nothing of ours is written', async () => {
    const { rig, client } = await begin()
    await client.query('CREATE TABLE elsewhere (id int)')
    await using source = rig.open()
    const signal = AbortSignal.timeout(20_000)
    const batches = rig.stream(source, signal)
    const reach = async (position: Position): Promise<void> => {
      while (!source.covers(rig.log.position!, position)) await batches.next()
    }
    await client.query('INSERT INTO elsewhere VALUES (0)')
    await batches.next()
    const began = performance.now()
    for (let i = 1; i <= 6; i++) {
      await client.query(`INSERT INTO elsewhere VALUES (${i})`)
      const { position } = await source.head(signal)
      source.hasten(position, signal)
      await reach(position)
    }
    // Without haste there is at most one heartbeat a second.
    expect(performance.now() - began).toBeLessThan(4000)
    await batches.return(undefined)
    await client.end()
  })

  it('ends with the source: the next one finds it free at once', async () => {
    const { rig, client } = await begin()
    for (let i = 1; i <= 5; i++) {
      await client.query(`INSERT INTO t VALUES (${i})`)
      await rig.run(() => rig.log.rows.length === i)
      const [row] = await server.sql('SELECT active FROM pg_replication_slots WHERE slot_name = $1', [rig.slot])
      expect(row).toEqual({ active: 'f' })
    }
    await client.end()
  })
})
