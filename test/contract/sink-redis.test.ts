import { afterAll, beforeAll } from '@jest/globals'
import redis from '../../sinks/redis.ts'
import { describeRedis, type RedisServer, startRedis } from '../support/redis.ts'
import type { SinkPlace } from '../support/sink-rig.ts'
import { sinkContract } from './sink.ts'

let server: RedisServer
let database = 0

/** A database of its own, and beside its keys those of somebody else. */
async function place(value: 'json' | 'hash'): Promise<SinkPlace> {
  database = (database + 1) % 64
  const own = database
  await server.command(['FLUSHDB'], own)
  const options = redis.config.parse({ url: server.url(own), name: '{source}:{schema}.{table}', value })
  return {
    child: { type: 'redis', options: { url: server.url(own), name: options.name, value }, crashPoint: 'redis.sent' },
    open: context => redis.open(options, context),
    async empty() {
      await server.command(['FLUSHDB'], own)
    },
    backup: () => server.backup(),
    async [Symbol.asyncDispose]() {
      await server.command(['FLUSHDB'], own)
    },
  }
}

await describeRedis('Redis', () => {
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server?.[Symbol.asyncDispose]())
  sinkContract('redis', () => place('json'))
  sinkContract('redis with hashes', () => place('hash'))
})
