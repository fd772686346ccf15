/**
 * Every sink, its process killed 20 times at random moments and 20 times between the rows of a batch and its cursor: what
 * it has in the end is what the log says. `--seed N` repeats a run.
 */
import { Random, seedFrom } from '../crash/random.ts'
import { ClickhousePlace } from '../support/clickhouse/clickhouse-place.ts'
import { startClickhouse } from '../support/clickhouse/clickhouse-server.ts'
import { duckdbPlace, jsonlPlace, parquetPlace, sqlitePlace } from '../support/file-places.ts'
import { startPostgres } from '../support/postgres.ts'
import { PostgresPlace } from '../support/postgres-place.ts'
import { startRedis } from '../support/redis.ts'
import { RedisPlace } from '../support/redis-place.ts'
import type { Figures, FullRun } from '../support/run-full.ts'
import { openSearch } from '../support/search/engines.ts'
import { SearchPlace } from '../support/search/search-place.ts'
import { startSearch } from '../support/search/search-server.ts'
import { surviveKills } from '../support/sink-kill.ts'

const TIMES = 20

const run: FullRun = async args => {
  const seed = seedFrom(args)
  console.log(`seed: ${seed}`)
  const random = new Random(seed)
  await using redis = await startRedis()
  await using postgres = await startPostgres()
  await using search = await startSearch(await openSearch())
  await using clickhouse = await startClickhouse()
  const places = {
    sqlite: sqlitePlace,
    jsonl: jsonlPlace,
    duckdb: duckdbPlace,
    parquet: parquetPlace,
    redis: () => RedisPlace.make(redis, 1, { name: '{source}:{schema}.{table}', value: 'json' }),
    postgres: () => PostgresPlace.make(postgres),
    elasticsearch: () => SearchPlace.make(search),
    clickhouse: () => ClickhousePlace.make(clickhouse),
    'redis, hashes': () => RedisPlace.make(redis, 2, { name: '{source}:{schema}.{table}', value: 'hash' }),
  }
  const figures: Record<string, Figures[string]> = { seed }
  for (const [name, make] of Object.entries(places)) {
    await using place = await make()
    figures[`${name}: killed at work`] = await surviveKills(place, TIMES, random)
  }
  return figures
}

export default run
