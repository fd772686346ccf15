import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals'
import type { SinkRow } from '../../runtime/contract.ts'
import { keyFromTexts } from '../../runtime/record/key.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { type RedisOptions, RedisRig } from '../support/redis-place.ts'
import { describeRedis } from '../support/redis-suite.ts'
import { column, table } from '../support/scripted-log.ts'
import { follow } from '../support/sink-driver.ts'
import { items, never } from '../support/sink-rig.ts'

await describeRedis('Rows read back from Redis', () => {
  let server: RedisServer
  let rig: RedisRig
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server?.[Symbol.asyncDispose]())
  afterEach(() => rig.end())
  const use = async (options: RedisOptions): Promise<void> => {
    rig = await RedisRig.begin(server, 1, options)
  }

  it.each<RedisOptions>([{ mode: 'invalidate' }, { ttl: '1h' }, { ttl: '1h', value: 'hash' }])(
    'are not those of keys that the application fills, or that go by themselves: %j',
    async options => {
      await use(options)
      const sink = await rig.openSink()
      expect([sink.get, sink.rows]).toEqual([undefined, undefined])
    },
  )

  it.each(['json', 'hash'] as const)('are foreign where someone wrote something else, as %s', async value => {
    await use({ value })
    const sink = await rig.openSink()
    rig.batches.push(rig.put('1', 'one', null), rig.put('2', 'two', null), rig.put('3', 'three', null))
    await follow(sink, rig.batches)
    await rig.text('DEL', 'public.items:1', 'public.items:2')
    await rig.text('RPUSH', 'public.items:1', 'a list')
    await rig.text('SET', 'public.items:2', value === 'json' ? '[1]' : '{"id":2,"name":"two","note":null}')
    const keys = ['1', '2', '3', '4'].map(id => keyFromTexts([id]))
    const found = await sink.get!(items, keys, never)
    const isForeign = (row: SinkRow | undefined): unknown[] => [row?.foreign, row?.cells.size]
    expect(found.map(isForeign)).toEqual([
      [true, 0],
      [true, 0],
      [undefined, 3],
      [undefined, undefined],
    ])
    for await (const page of sink.rows!(items, never))
      for (const row of page) expect(row.foreign).toBe(row.cells.get('name') === 'three' ? undefined : true)
  })

  it('show a value that someone wrote into a row as a different one', async () => {
    await use({})
    const sink = await rig.openSink()
    rig.batches.push(rig.put('1', 'one', null))
    await follow(sink, rig.batches)
    await rig.text('SET', 'public.items:1', '{"id":1,"name":{"a":[1]},"note":"null"}')
    const [row] = await sink.get!(items, [keyFromTexts(['1'])], never)
    expect([...row!.cells]).toEqual([
      ['id', '1'],
      ['name', '{"a":[1]}'],
      ['note', 'null'],
    ])
  })

  it('leave out keys that no row of the table can have', async () => {
    await use({})
    const pairs = table(2, 'public.pairs', [column('a', 'text'), column('b', 'text')], { key: [0, 1] })
    rig.batches.push(rig.log.batch(writer => writer.announce(pairs)))
    const sink = await rig.openSink()
    await follow(sink, rig.batches)
    await rig.text('SET', 'public.pairs:just one', '{}')
    await rig.text('SET', 'public.pairs:x|y', '{"a":"x","b":"y"}')
    const keys: string[] = []
    for await (const page of sink.rows!(pairs, never)) for (const row of page) keys.push([...row.cells.values()].join())
    expect(keys).toEqual(['x,y'])
  })
})
