import { parquetPlace } from '../support/file-places.ts'
import { purgeContract } from './purge.ts'
import { sinkContract } from './sink.ts'

sinkContract('parquet', parquetPlace)
purgeContract('parquet', parquetPlace)
