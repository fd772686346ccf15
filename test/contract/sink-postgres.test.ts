import { afterAll, beforeAll, describe } from '@jest/globals'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { PostgresPlace } from '../support/postgres-place.ts'
import { generationContract } from './generations.ts'
import { purgeContract } from './purge.ts'
import { sinkContract } from './sink.ts'

describe('at a real server', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres()
  })
  afterAll(() => server?.[Symbol.asyncDispose]())

  sinkContract('postgres', () => PostgresPlace.make(server))
  generationContract('postgres', () => PostgresPlace.make(server))
  purgeContract('postgres', () => PostgresPlace.make(server))
})
