import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import type { Sink } from '../../runtime/contract.ts'
import redis from '../../sinks/redis.ts'
import { hasOpenssl } from '../support/certificate.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { RedisPlace, RedisRig } from '../support/redis-place.ts'
import { describeRedis } from '../support/redis-suite.ts'
import { table, tuple } from '../support/scripted-log.ts'
import { cursorOf, follow, rowsIn } from '../support/sink-driver.ts'
import { items, LOG_ID, never, sinkContext } from '../support/sink-rig.ts'
import { itIf } from '../support/skip.ts'
import { until } from '../support/until.ts'

await describeRedis('the redis sink', () => {
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

  const use = async (options: Record<string, unknown>): Promise<void> => {
    await rig.end()
    rig = await RedisRig.begin(server, 1, options)
  }
  const filled = async (): Promise<Sink> => {
    const sink = await rig.openSink()
    rig.batches.push(rig.put('1', 'one', 'a note'), rig.put('2', 'two', null))
    await follow(sink, rig.batches)
    return sink
  }
  const destroy = (url = server.url(1)): Promise<readonly string[]> =>
    redis.destroy(redis.config.parse({ ...(rig.place as RedisPlace).options, url }), sinkContext(), never)

  it('writes a row as one string of JSON', async () => {
    await filled()
    expect(await rig.text('GET', 'public.items:1')).toBe('{"id":1,"name":"one","note":"a note"}')
    expect(await rig.text('HGET', '_tailrace:shop:copy:app', 'cursor')).toBe(rig.batches.at(-1)!.cursor)
  })

  it('writes a row as a hash without its nulls', async () => {
    await use({ value: 'hash' })
    const sink = await filled()
    expect(await rig.text('HGETALL', 'public.items:1')).toBe('id\n1\nname\none\nnote\na note')
    expect(await rig.text('HGETALL', 'public.items:2')).toBe('id\n2\nname\ntwo')
    // The last batch counts once its replies were read, and is not vouched for before.
    expect(await rig.text('HGET', '_tailrace:shop:copy:app', 'cursor')).toBe(rig.batches.at(-2)!.cursor)
    await sink.flush!(never)
    expect(await rig.text('HGET', '_tailrace:shop:copy:app', 'cursor')).toBe(rig.batches.at(-1)!.cursor)
    await follow(sink, [...rig.batches, rig.put('1', 'one', null)])
    expect(await rig.text('HGETALL', 'public.items:1')).toBe('id\n1\nname\none')
  })

  it.each(['json', 'hash'] as const)(
    'lets keys go after their ttl, counted from the last change, as %s',
    async value => {
      await use({ value, ttl: '2s' })
      const sink = await filled()
      await rig.text('PEXPIRE', 'public.items:1', '500')
      await follow(sink, [...rig.batches, rig.put('1', 'again', null)])
      expect(Number(await rig.text('PTTL', 'public.items:1'))).toBeGreaterThan(1000)
      expect(await rig.text('PTTL', '_tailrace:shop:copy:app')).toBe('-1')
      await until(async () => (await rig.keys()).length === 0, 'the keys are gone')
    },
  )

  it.each(['json', 'hash'] as const)(
    'marks a deleted row and takes the mark away when it comes back, as %s',
    async value => {
      await use({ value })
      await rig.target[Symbol.asyncDispose]()
      rig.target = await rig.place.open(sinkContext({ onDelete: 'mark' }))
      const sink = await filled()
      const read = (): Promise<string | null> =>
        value === 'json' ? rig.text('GET', 'public.items:1') : rig.text('HGETALL', 'public.items:1')
      const remove = rig.log.batch(writer => writer.delete(items, tuple(['1', undefined, undefined]), false))
      await sink.write(remove, never)
      await sink.write(remove, never)
      const marked = {
        json: '{"id":1,"name":"one","note":"a note","_deleted":true}',
        hash: 'id\n1\nname\none\nnote\na note\n_deleted\n1',
      }
      expect(await read()).toBe(marked[value])
      // Whatever it lacks, it does not have from the row that was deleted.
      await sink.write(rig.put('1', 'new', undefined), never)
      if (value === 'json') expect(await read()).toBe('{"id":1,"name":"new"}')
      await sink.write(rig.put('1', 'whole', null), never)
      const whole = { json: '{"id":1,"name":"whole","note":null}', hash: 'id\n1\nname\nwhole' }
      expect(await read()).toBe(whole[value])
      const clash = table(7, 'public.clash', [...items.columns, { ...items.columns[1]!, name: '_deleted' }])
      const batch = rig.log.batch(writer => {
        writer.announce(clash)
        writer.row('c', clash, tuple(['1', null, null, null]))
      })
      await expect(sink.write(batch, never)).rejects.toMatchObject({ code: 'SINK_SCHEMA' })
    },
  )

  it('deletes the keys that change, and keeps its hands off all others, with mode invalidate', async () => {
    await use({ mode: 'invalidate' })
    const fill = async (): Promise<void> => {
      for (const key of ['items:1', 'items:2', 'items:3', 'itemsx:1']) await rig.text('SET', `public.${key}`, 'cached')
    }
    await fill()
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    // Built anew: whatever changed before is not known.
    await rig.expectKeys('public.itemsx:1')
    await fill()
    await sink.write(rig.put('1', 'changed', null), never)
    await sink.write(
      rig.log.batch(writer => writer.delete(items, tuple(['3', undefined, undefined]), false)),
      never,
    )
    await rig.expectKeys('public.items:2', 'public.itemsx:1')
    await sink.truncate!(items, never)
    await rig.expectKeys('public.itemsx:1')
    expect(sink.rows).toBeUndefined()
    await fill()
    await rig.target[Symbol.asyncDispose]()
    expect(await destroy()).toHaveLength(1)
    expect((await rig.text('KEYS', '*'))!.split('\n')).toHaveLength(4)
  })

  it('empties only the table that was truncated, whatever its name looks like', async () => {
    const names = ['a*', 'ab', 'a?', 'a[b]', 'a\\', 'a', 'a:b', 'ax:b']
    const tables = names.map((name, i) => table(10 + i, `public.${name}`, items.columns))
    const sink = await rig.openSink()
    rig.batches.push(
      rig.log.batch(writer => {
        for (const each of tables) {
          writer.announce(each)
          for (const id of ['1', '2']) writer.row('c', each, tuple([id, each.table, null]))
        }
      }),
    )
    await follow(sink, rig.batches)
    let left = tables.length
    for (const each of tables) {
      expect((await rowsIn(sink, each)).size).toBe(2)
      await sink.truncate!(each, never)
      expect((await rowsIn(sink, each)).size).toBe(0)
      expect(await rig.keys()).toHaveLength(--left * 2)
    }
  })

  it('is built anew when its keys or values are to look otherwise', async () => {
    await filled()
    for (const options of [{ value: 'hash' }, { value: 'hash', name: '{table}' }, { mode: 'invalidate' }]) {
      await rig.target[Symbol.asyncDispose]()
      rig.target = await redis.open(redis.config.parse({ url: server.url(1), ...options }), sinkContext())
      const sink = await rig.openSink()
      expect(await cursorOf(sink)).toBeUndefined()
      await rig.expectKeys()
      await follow(sink, rig.batches)
      if (sink.rows !== undefined) await rig.expectEqual(sink)
    }
  })

  it('refuses tables and sinks whose keys would mix', async () => {
    const sink = await filled()
    const dotted = table(9, 'public.items', items.columns, {
      schema: 'public',
      table: 'items',
      source: 'other',
      name: 'other.public.items',
    })
    const batch = rig.log.batch(writer => {
      writer.announce(dotted)
      writer.row('c', dotted, tuple(['1', null, null]))
    })
    const collision = { code: 'NAME_COLLISION', recovery: 'stop' }
    await expect((await rig.openSink('other', '0e7a')).write(batch, never)).rejects.toMatchObject(collision)
    for (const name of ['{schema}.{table}', 'public.{table}', 'public.items:1{table}']) {
      const options = redis.config.parse({ url: server.url(1), name })
      await using target = await redis.open(options, sinkContext({ name: 'second' }))
      const second = await target.sink({ name: 'app', logId: LOG_ID }, never)
      await expect(second.write(rig.put('1', 'x', null), never)).rejects.toMatchObject(collision)
    }
    await rig.expectEqual(sink)
  })

  it('takes away what it made, and nothing else', async () => {
    await rig.text('SET', 'public.items', 'mine')
    await rig.text('SET', 'public.itemsx:1', 'mine')
    const sink = await filled()
    await using other = await RedisPlace.make(server, 2)
    const before = await server.text(['KEYS', '*'], 2)
    const lines = await destroy()
    expect(lines[0]).toMatch(/^removed 2 keys public\.items:\* at 127\.0\.0\.1:\d+$/)
    expect((await rig.text('KEYS', '*'))!.split('\n').sort()).toEqual(['public.items', 'public.itemsx:1'])
    expect(await server.text(['KEYS', '*'], other.database)).toBe(before)
    await expect(sink.write(rig.put('1', 'x', null), never)).rejects.toMatchObject({ code: 'SINK_RESTORED' })
    expect(await destroy()).toEqual([])
  })

  it('checks server and eviction policy, and makes nothing', async () => {
    const check = async (): Promise<string[]> =>
      (await redis.check!(redis.config.parse({ url: server.url(1) }), sinkContext(), never)).map(
        ({ level, code }) => `${level} ${code}`,
      )
    expect(await check()).toEqual(['ok TARGET_REACHED', 'ok SINK_EVICTION'])
    await rig.text('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    try {
      expect(await check()).toEqual(['ok TARGET_REACHED', 'warning SINK_EVICTION'])
    } finally {
      await rig.text('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
    }
    expect(await rig.text('DBSIZE')).toBe('0')
    const [finding] = await redis.check!(redis.config.parse({ url: server.url(99) }), sinkContext(), never)
    expect(finding).toMatchObject({ level: 'error', code: 'CONFIG_URL' })
  })

  it('refuses a cluster by name', async () => {
    await using cluster = await startRedis({ settings: { 'cluster-enabled': 'yes' } })
    const options = redis.config.parse({ url: cluster.url() })
    await using target = await redis.open(options, sinkContext())
    const opening = target.sink({ name: 'app', logId: LOG_ID }, never)
    await expect(opening).rejects.toMatchObject({ code: 'SINK_CLUSTER', recovery: 'stop' })
    const [finding] = await redis.check!(options, sinkContext(), never)
    expect(finding).toMatchObject({ level: 'error', code: 'SINK_CLUSTER' })
  })

  itIf(hasOpenssl, 'openssl is missing')('speaks TLS to a server that proves itself, and to no other', async () => {
    await using secure = await startRedis({ tls: true })
    await using place = await RedisPlace.make(secure, 3)
    await using target = await place.open(sinkContext())
    const sink = await target.sink({ name: 'app', logId: LOG_ID }, never)
    await follow(sink, [...rig.batches, rig.put('1', 'x'.repeat(3_000_000), null)])
    expect(await secure.text(['STRLEN', 'public.items:1'], 3)).toBe('3000030')
    const findings = async (url: string): Promise<string[]> =>
      (await redis.check!(redis.config.parse({ url }), sinkContext(), never)).map(
        ({ level, code }) => `${level} ${code}`,
      )
    const at = (parameters: string): string => secure.url(3, '', parameters)
    expect(await findings(at('?sslmode=verify-full'))).toEqual(['error SINK_TLS'])
    expect(await findings(at('?sslmode=require'))).toContain('warning SINK_TLS')
    expect(await findings(at('').replace('127.0.0.1', 'localhost'))).toEqual(['error SINK_TLS'])
    expect(await findings(at('').replace('rediss:', 'redis:').replace('?', '?sslmode=disable&'))).toEqual([
      'error SINK_UNREACHABLE',
    ])
  })
})
