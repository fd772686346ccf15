import { duckdbPlace } from '../support/file-places.ts'
import { sinkContract } from './sink.ts'

sinkContract('duckdb', duckdbPlace)
