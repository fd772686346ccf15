import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals'
import { DeliveryProgress, deliver } from '../../runtime/deliver.ts'
import { OrderedMemoryLog } from '../../runtime/log/memory/ordered.ts'
import { createLogger } from '../../runtime/logger.ts'
import { keyFromTexts } from '../../runtime/record/key.ts'
import { BatchWriter } from '../../runtime/record/writer.ts'
import { Supervisor } from '../../runtime/supervisor.ts'
import { deliveryFrom } from '../support/delivery.ts'
import { tuple as cells, table, transaction } from '../support/records.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { RedisPlace, RedisRig } from '../support/redis-place.ts'
import { describeRedis } from '../support/redis-suite.ts'
import { tuple } from '../support/scripted-log.ts'
import { cursorOf, follow } from '../support/sink-driver.ts'
import { items, LOG_ID, never, sinkContext } from '../support/sink-rig.ts'
import { until } from '../support/until.ts'

await describeRedis('the redis sink in trouble', () => {
  let server: RedisServer
  let rig: RedisRig
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server?.[Symbol.asyncDispose]())
  beforeEach(async () => {
    rig = await RedisRig.begin(server, 1)
  })
  afterEach(() => rig.end())

  const RESTORED = { code: 'SINK_RESTORED', recovery: 'retry' }

  describe.each(['json', 'hash'] as const)('as %s', value => {
    beforeEach(async () => {
      await rig.end()
      rig = await RedisRig.begin(server, 1, { value })
    })

    it('notices with the next write that the database was emptied, and is built anew', async () => {
      rig.batches.push(rig.put('1', 'one', null), rig.put('2', 'two', null))
      const sink = await rig.openSink()
      await follow(sink, rig.batches)
      await rig.text('FLUSHALL')
      rig.batches.push(rig.put('3', 'three', null))
      await expect(sink.write(rig.batches.at(-1)!, never)).rejects.toMatchObject(RESTORED)
      await rig.expectKeys()
      const again = await rig.reopen()
      expect(await cursorOf(again)).toBeUndefined()
      await follow(again, rig.batches)
      await rig.expectEqual(again)
    })

    it('notices that its row alone was removed, and clears what no cursor vouches for', async () => {
      rig.batches.push(rig.put('1', 'one', null), rig.put('2', 'two', null))
      const sink = await rig.openSink()
      await follow(sink, rig.batches)
      await rig.text('DEL', '_tailrace:shop:copy:app')
      await expect(sink.write(rig.put('3', 'x', null), never)).rejects.toMatchObject(RESTORED)
      const again = await rig.reopen()
      expect(await cursorOf(again)).toBeUndefined()
      await again.truncate!(items, never)
      await rig.expectKeys()
    })

    it('goes on from an older copy that comes back under it', async () => {
      rig.batches.push(rig.put('1', 'one', null))
      await follow(await rig.openSink(), rig.batches)
      const sink = await rig.reopen()
      const old = await cursorOf(sink)
      const restore = await server.backup()
      rig.batches.push(rig.put('1', 'changed', null), rig.put('2', 'two', null))
      await follow(sink, rig.batches)
      await restore()
      const unreachable = { code: 'SINK_UNREACHABLE', recovery: 'retry' }
      await expect(sink.write(rig.put('2', 'later', null), never)).rejects.toMatchObject(unreachable)
      const again = await rig.reopen()
      expect(await cursorOf(again)).toBe(old)
      await follow(again, rig.batches)
      await rig.expectEqual(again)
    })

    it('goes on from an older copy that is put back key by key', async () => {
      rig.batches.push(rig.put('1', 'one', null))
      await follow(await rig.openSink(), rig.batches)
      const sink = await rig.reopen()
      const old = await cursorOf(sink)
      const keys = ['_tailrace:shop:copy:app', 'public.items:1']
      const dumps = await Promise.all(keys.map(key => server.command(['DUMP', key], 1)))
      rig.batches.push(rig.put('1', 'changed', null))
      await follow(sink, rig.batches)
      for (const [i, key] of keys.entries()) await server.command(['RESTORE', key, 0, dumps[i] as Buffer, 'REPLACE'], 1)
      await expect(sink.write(rig.put('1', 'later', null), never)).rejects.toMatchObject(RESTORED)
      const again = await rig.reopen()
      expect(await cursorOf(again)).toBe(old)
      await follow(again, rig.batches)
      await rig.expectEqual(again)
    })
  })

  it('names the rows whose key is of another type, stores no cursor behind them, and takes them when it is mended', async () => {
    await rig.end()
    rig = await RedisRig.begin(server, 1, { value: 'hash' })
    const sink = await rig.openSink()
    rig.batches.push(rig.put('1', 'one', null))
    await follow(sink, rig.batches)
    await rig.text('RPUSH', 'public.items:3', 'mine')
    const batch = rig.log.batch(writer => {
      for (const id of ['2', '3', '4']) writer.row('c', items, tuple([id, `n${id}`, null]))
    })
    const { rejected } = await sink.write(batch, never)
    expect(rejected).toEqual([{ index: 1, reason: expect.stringContaining('WRONGTYPE') }])
    const again = await rig.reopen()
    expect(await cursorOf(again)).toBe(rig.batches.at(-1)!.cursor)
    expect((await again.write(batch, never, new Set([1]))).rejected).toEqual([])
    expect(await cursorOf(again)).toBe(batch.cursor)
    expect(await rig.text('LRANGE', 'public.items:3', '0', '-1')).toBe('mine')
    await rig.text('DEL', 'public.items:3')
    rig.batches.push(batch)
    expect((await again.write(batch, never)).rejected).toEqual([])
    await rig.expectEqual(again)
  })

  it('names a row it cannot complete because its key holds something else, and runs nothing of the batch', async () => {
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    await rig.text('SET', 'public.items:2', 'not a row')
    await rig.text('SADD', 'public.items:3', 'not a row')
    const batch = rig.log.batch(writer => {
      writer.row('c', items, tuple(['1', 'one', null]))
      for (const id of ['2', '3']) writer.row('u', items, tuple([id, 'name', undefined]))
    })
    const { rejected } = await sink.write(batch, never)
    expect(rejected.map(({ index }) => index)).toEqual([1, 2])
    await rig.expectKeys('public.items:2', 'public.items:3')
    const [second] = await sink.get!(items, [keyFromTexts(['2'])], never)
    expect(second?.cells.size).toBe(0)
    await sink.write(batch, never, new Set([1, 2]))
    expect(await rig.text('GET', 'public.items:1')).toBe('{"id":1,"name":"one","note":null}')
  })

  it('leaves its cursor where it was when the server runs a batch but for one command', async () => {
    let forge = false
    const proxy = createServer(client => {
      const upstream = connect(server.port, '127.0.0.1')
      client.pipe(upstream)
      // As after ACL SETUSER between the queueing of the commands and their run.
      upstream.on('data', chunk => {
        const text = chunk.toString('latin1')
        client.write(forge ? text.replace(/(\*\d+\r\n(?::\d+\r\n)*)\+OK/, '$1-NOPERM changed') : text, 'latin1')
      })
      client.on('close', () => upstream.destroy())
      upstream.on('close', () => client.destroy())
    })
    proxy.listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    const { port } = proxy.address() as AddressInfo
    try {
      await using place = await RedisPlace.make(server, 1, { url: `redis://127.0.0.1:${port}/1` })
      await using target = await place.open(sinkContext())
      const sink = await target.sink({ name: 'app', logId: LOG_ID }, never)
      await follow(sink, [...rig.batches, rig.put('1', 'one', null)])
      const stored = await cursorOf(sink)
      forge = true
      await expect(sink.write(rig.put('2', 'two', null), never)).rejects.toMatchObject({ code: 'SINK_AUTH' })
      expect(await rig.text('HGET', '_tailrace:shop:copy:app', 'cursor')).toBe(stored)
    } finally {
      proxy.close()
    }
  })

  it('waits while the server has no memory left, and has written nothing', async () => {
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    await rig.text('CONFIG', 'SET', 'maxmemory', '1')
    try {
      const full = { code: 'TARGET_FULL', recovery: 'retry' }
      await expect(sink.write(rig.put('1', 'one', null), never)).rejects.toMatchObject(full)
      await expect(rig.openSink()).rejects.toMatchObject(full)
    } finally {
      await rig.text('CONFIG', 'SET', 'maxmemory', '0')
    }
    await rig.expectKeys()
    const again = await rig.reopen()
    expect(await cursorOf(again)).toBe(rig.batches.at(-1)!.cursor)
  })

  it('refuses a replica, also one that the primary becomes', async () => {
    const sink = await rig.openSink()
    const replica = { code: 'SINK_REPLICA', recovery: 'retry' }
    await rig.text('REPLICAOF', '127.0.0.1', '1')
    try {
      await expect(sink.write(rig.put('1', 'one', null), never)).rejects.toMatchObject(replica)
      await expect(rig.openSink()).rejects.toMatchObject(replica)
    } finally {
      await rig.text('REPLICAOF', 'NO', 'ONE')
    }
    await rig.expectKeys()
  })

  it('says that the server cannot be reached, and tries again', async () => {
    await rig.target[Symbol.asyncDispose]()
    await server.kill()
    rig.target = await rig.place.open(sinkContext())
    try {
      const error = { code: 'SINK_UNREACHABLE', recovery: 'retry' }
      await expect(rig.openSink()).rejects.toMatchObject(error)
    } finally {
      await server.start()
    }
    await follow(await rig.openSink(), [...rig.batches, rig.put('1', 'x', null)])
    await rig.expectKeys('public.items:1')
  })

  it('ends equal under its supervisor when the database is emptied and the server is killed', async () => {
    const log = new OrderedMemoryLog()
    const orders = table('orders')
    const writer = new BatchWriter()
    writer.announce(orders)
    let position = 0
    const append = (id: number, body: string): Promise<unknown> =>
      log.append(transaction(writer, `0/${++position}`, w => w.row('u', orders, cells(`${id}`, body))))
    const progress = new DeliveryProgress()
    const logger = createLogger('silent')
    const supervisor = new Supervisor('sink copy', logger, async work => {
      await using target = await rig.place.open(sinkContext())
      await using sink = await target.sink({ name: 'app', logId: log.id }, work.signal)
      work.running()
      await deliver(deliveryFrom(log), sink, progress, work)
    })
    for (let id = 1; id <= 100; id++) await append(id, 'first')
    supervisor.start(false)
    try {
      const holds = async (key: string, row: string): Promise<boolean> =>
        (await rig.text('GET', `public.orders:${key}`)) === row && (await rig.keys()).length === 100
      await until(() => holds('100', '{"id":100,"body":"first"}'), 'all is there')
      await rig.text('FLUSHALL')
      await append(7, 'second')
      await until(() => holds('7', '{"id":7,"body":"second"}'), 'all is there again')
      await server.kill()
      await append(8, 'third')
      await until(() => supervisor.error?.code === 'SINK_UNREACHABLE', 'the sink waits')
      await server.start()
      await until(() => holds('8', '{"id":8,"body":"third"}'), 'all is there once more')
    } finally {
      await supervisor.stop()
    }
  })

  it('leaves a half-sent batch behind that the server forgets', async () => {
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    const batch = rig.log.batch(writer => {
      for (let i = 0; i < 20_000; i++) writer.row('r', items, tuple([`${i}`, 'x'.repeat(100), null]))
    })
    const isInside = async (): Promise<boolean> => /app .* flags=x?b?x/.test((await rig.text('CLIENT', 'LIST'))!)
    await rig.text('CLIENT', 'PAUSE', '60000', 'WRITE')
    try {
      const abort = new AbortController()
      const writing = sink.write(batch, abort.signal)
      writing.catch(() => {})
      await until(isInside, 'the server is inside the transaction')
      abort.abort(new Error('stopped'))
      await expect(writing).rejects.toThrow('stopped')
      await until(async () => !(await isInside()), 'the server knows')
    } finally {
      await rig.text('CLIENT', 'UNPAUSE')
    }
    await rig.expectKeys()
    const again = await rig.target.sink({ name: 'app', logId: LOG_ID }, never)
    expect(await cursorOf(again)).toBe(rig.batches.at(-1)!.cursor)
  })
})
