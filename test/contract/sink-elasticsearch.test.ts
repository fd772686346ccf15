import { afterAll, beforeAll } from '@jest/globals'
import { openSearch } from '../support/search/engines.ts'
import { SearchPlace } from '../support/search/search-place.ts'
import { type SearchServer, startSearch } from '../support/search/search-server.ts'
import { describeSearch } from '../support/search/search-suite.ts'
import { generationContract } from './generations.ts'
import { purgeContract } from './purge.ts'
import { sinkContract } from './sink.ts'

const engine = await openSearch()

await describeSearch(engine, () => {
  let server: SearchServer
  beforeAll(async () => {
    server = await startSearch(engine)
  }, 180_000)
  afterAll(() => server?.[Symbol.asyncDispose]())

  sinkContract('elasticsearch', () => SearchPlace.make(server))
  purgeContract('elasticsearch', () => SearchPlace.make(server))
  generationContract('elasticsearch', () => SearchPlace.make(server, { refresh: 'true' }))
})
