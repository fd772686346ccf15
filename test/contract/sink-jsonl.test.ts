import { jsonlPlace } from '../support/file-places.ts'
import { sinkContract } from './sink.ts'

sinkContract('jsonl', jsonlPlace)
