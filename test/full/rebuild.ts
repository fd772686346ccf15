/**
 * A reader that polls every 10 ms while a sink is built anew and rolled back under writes, again and again until it has
 * polled 10,000 times: never fewer rows, never an older version of one. For each sink that has generations. Arguments:
 * `sink=sqlite|redis|duckdb|postgres|elasticsearch|clickhouse polls=N rows=N`, a seed.
 */
import { seedFrom } from '../crash/random.ts'
import { startClickhouse } from '../support/clickhouse/clickhouse-server.ts'
import { startPostgres } from '../support/postgres.ts'
import { pollThroughRebuilds } from '../support/rebuild-polls.ts'
import { startRedis } from '../support/redis.ts'
import type { Figures } from '../support/run-full.ts'
import { openSearch } from '../support/search/engines.ts'
import { startSearch } from '../support/search/search-server.ts'

const SINKS = ['sqlite', 'redis', 'duckdb', 'postgres', 'elasticsearch', 'clickhouse'] as const

export default async function rebuild(args: readonly string[]): Promise<Figures> {
  const given = new Map(args.flatMap(arg => (arg.includes('=') ? [arg.split('=') as [string, string]] : [])))
  const seed = seedFrom(args.filter(arg => !arg.includes('=')))
  console.log(`seed: ${seed}`)
  const dose = { polls: Number(given.get('polls') ?? 10_000), rows: Number(given.get('rows') ?? 2000), seed }
  await using postgres = await startPostgres()
  await using redis = await startRedis()
  await using search = await startSearch(await openSearch())
  await using clickhouse = await startClickhouse()
  const figures: Record<string, Figures[string]> = { seed }
  for (const type of SINKS) {
    if ((given.get('sink') ?? type) !== type) continue
    const seen = await pollThroughRebuilds({ postgres, redis, search, clickhouse }, type, dose)
    console.log(`${type}: ${JSON.stringify(seen)}`)
    for (const [figure, value] of Object.entries(seen)) figures[`${type}: ${figure}`] = value
  }
  return figures
}
