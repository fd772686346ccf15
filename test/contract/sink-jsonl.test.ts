import { jsonlPlace } from '../support/file-places.ts'
import { purgeContract } from './purge.ts'
import { sinkContract } from './sink.ts'

sinkContract('jsonl', jsonlPlace)
purgeContract('jsonl', jsonlPlace)
