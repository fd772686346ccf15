import { SearchPlace } from '../support/search/search-place.ts'
import { describeEachSearch } from '../support/search/search-suite.ts'
import { generationContract } from './generations.ts'
import { purgeContract } from './purge.ts'
import { sinkContract } from './sink.ts'

await describeEachSearch(server => {
  sinkContract('elasticsearch', () => SearchPlace.make(server()))
  purgeContract('elasticsearch', () => SearchPlace.make(server()))
  generationContract('elasticsearch', () => SearchPlace.make(server(), { refresh: 'true' }))
})
