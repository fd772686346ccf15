import { duckdbPlace, duckdbPlaceWithCopy } from '../support/file-places.ts'
import { generationContract } from './generations.ts'
import { purgeContract } from './purge.ts'
import { sinkContract } from './sink.ts'

sinkContract('duckdb', duckdbPlace)
generationContract('duckdb', duckdbPlaceWithCopy)
purgeContract('duckdb', duckdbPlaceWithCopy)
