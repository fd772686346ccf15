import { ClickhousePlace } from '../support/clickhouse/clickhouse-place.ts'
import { describeClickhouse } from '../support/clickhouse/clickhouse-suite.ts'
import { generationContract } from './generations.ts'
import { purgeContract } from './purge.ts'
import { sinkContract } from './sink.ts'

await describeClickhouse(server => {
  sinkContract('clickhouse', () => ClickhousePlace.make(server()))
  purgeContract('clickhouse', () => ClickhousePlace.make(server()))
  generationContract('clickhouse', () => ClickhousePlace.make(server()))
})
