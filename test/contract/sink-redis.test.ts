import { afterAll, beforeAll } from '@jest/globals'
import { type RedisServer, startRedis } from '../support/redis.ts'
import { RedisPlace } from '../support/redis-place.ts'
import { describeRedis } from '../support/redis-suite.ts'
import { generationContract } from './generations.ts'
import { sinkContract } from './sink.ts'

await describeRedis('Redis', () => {
  let server: RedisServer
  let database = 0
  beforeAll(async () => {
    server = await startRedis()
  })
  afterAll(() => server?.[Symbol.asyncDispose]())

  const place = (value: 'json' | 'hash') => (): Promise<RedisPlace> => {
    database = (database + 1) % 64
    return RedisPlace.make(server, database, { name: '{source}:{schema}.{table}', value })
  }
  sinkContract('redis', place('json'))
  sinkContract('redis with hashes', place('hash'))
  generationContract('redis', place('json'))
  generationContract('redis with hashes', place('hash'))
})
