import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from '@jest/globals'
import type { Sink } from '../../runtime/contract.ts'
import redis from '../../sinks/redis.ts'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { RedisRig } from '../support/redis-place.ts'
import { describeRedis } from '../support/redis-suite.ts'
import { follow, rowsIn } from '../support/sink-driver.ts'
import { items, LOG_ID, never, sinkContext } from '../support/sink-rig.ts'

await describeRedis('a user of the redis sink', () => {
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

  const filled = async (): Promise<Sink> => {
    const sink = await rig.openSink()
    rig.batches.push(rig.put('1', 'one', 'a note'), rig.put('2', 'two', null))
    await follow(sink, rig.batches)
    return sink
  }
  const destroy = (url: string): Promise<readonly string[]> =>
    redis.destroy(redis.config.parse({ url }), sinkContext(), never)

  const rights =
    'on >s3cret:@/ ~public.* ~_tailrace* +@connection +@transaction +info +memory|usage +scan +get +set +unlink +del +hset +hdel +hmget +hgetall +pexpire +sadd +srem +smembers +exists +rename'

  it.each(['json', 'hash'] as const)('needs no more than the documented rights, as %s', async value => {
    await rig.text('ACL', 'SETUSER', 'tailrace', 'reset', ...rights.split(' '))
    const url = server.url(1, 'tailrace:s3cret%3A%40%2F@')
    await rig.target[Symbol.asyncDispose]()
    rig.target = await redis.open(redis.config.parse({ url, value, ttl: '1h' }), sinkContext())
    const lasting = await filled()
    await lasting.write(rig.put('1', 'part', undefined), never)
    await rig.target[Symbol.asyncDispose]()
    rig.target = await redis.open(redis.config.parse({ url, value }), sinkContext())
    const sink = await rig.openSink()
    expect((await rowsIn(sink, items)).size).toBeGreaterThan(0)
    await sink.truncate!(items, never)
    await rig.text('ACL', 'SETUSER', 'tailrace', '-info')
    await rig.openSink()
    await rig.target[Symbol.asyncDispose]()
    const options = redis.config.parse({ url, value })
    await using next = await redis.open(options, sinkContext({ generation: 'next' }))
    await follow(await next.sink({ name: 'app', logId: LOG_ID }, never), rig.batches)
    await redis.generations!.swap(options, sinkContext(), never)
    await rig.expectKeys('public.items:1', 'public.items:2')
    expect(await redis.generations!.recall(options, sinkContext(), never)).toBe(true)
    await redis.generations!.drop(options, sinkContext(), 'next', never)
    expect(await destroy(url)).toHaveLength(2)
    await rig.expectKeys()
  })

  it('needs no rights of generations without them', async () => {
    const fewer = rights.replace(' +exists +rename', '')
    await rig.text('ACL', 'SETUSER', 'plain', 'reset', ...fewer.split(' '))
    const url = server.url(1, 'plain:s3cret%3A%40%2F@')
    await rig.target[Symbol.asyncDispose]()
    rig.target = await redis.open(redis.config.parse({ url }), sinkContext())
    await filled()
    expect(await destroy(url)).toHaveLength(2)
  })

  it('says who refuses what, without the password, a key or a value', async () => {
    await rig.text('ACL', 'SETUSER', 'narrow', 'reset', ...rights.replace('~public.*', '~other.*').split(' '))
    await using target = await redis.open(
      redis.config.parse({ url: server.url(1, 'narrow:s3cret%3A%40%2F@') }),
      sinkContext(),
    )
    const sink = await target.sink({ name: 'app', logId: LOG_ID }, never)
    const error = await sink.write(rig.put('918273645', 'secret name', null), never).catch(error => error)
    expect(error).toMatchObject({ code: 'SINK_AUTH', recovery: 'stop' })
    expect(`${error.message} ${error.hint}`).not.toMatch(/918273645|secret name|s3cret/)
    for (const login of ['narrow:wr0ng@', 'nobody:s3cret@', ':s3cret@']) {
      const [finding] = await redis.check!(redis.config.parse({ url: server.url(1, login) }), sinkContext(), never)
      expect(finding).toMatchObject({ level: 'error', code: 'SINK_AUTH' })
      expect(JSON.stringify(finding)).not.toMatch(/s3cret|wr0ng/)
    }
  })
})
