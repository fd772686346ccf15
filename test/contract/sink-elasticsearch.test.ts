import { openSearch } from '../support/search/engines.ts'
import { SearchPlace } from '../support/search/search-place.ts'
import { describeSearch } from '../support/search/search-suite.ts'
import { generationContract } from './generations.ts'
import { purgeContract } from './purge.ts'
import { sinkContract } from './sink.ts'

await describeSearch(await openSearch(), server => {
  sinkContract('elasticsearch', () => SearchPlace.make(server()))
  purgeContract('elasticsearch', () => SearchPlace.make(server()))
  generationContract('elasticsearch', () => SearchPlace.make(server(), { refresh: 'true' }))
})
