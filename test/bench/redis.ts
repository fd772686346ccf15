/**
 * PostgreSQL catch-up through the durable log, index on, into Redis, which follows live, until the last change is in
 * Redis; beside `pg_recvlogical` draining the same slot contents, in interleaved rounds. Every row is read back from
 * Redis and compared with the table. `--changes N` (1000000), `--rounds N` (3), `--plain` (a log without its index).
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startPostgres } from '../support/postgres.ts'
import { startRedis } from '../support/redis.ts'
import { compareRedis } from './support/compare-redis.ts'
import { child, drainInRounds, hasRecvlogical, type Reader, recvlogical } from './support/drain-rounds.ts'
import { type BenchResult, median, note, pairedRatio } from './support/result.ts'
import { BENCH_SETTINGS, makeWorkload } from './support/workload.ts'

export default async function redis(args: readonly string[]): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      changes: { type: 'string', default: '1000000' },
      rounds: { type: 'string', default: '3' },
      plain: { type: 'boolean', default: false },
    },
  })
  const changes = Number(values.changes)
  const preloaded = Math.ceil(changes / 2)
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-bench-'))
  try {
    await using server = await startPostgres({ settings: BENCH_SETTINGS })
    await using cache = await startRedis()
    note(`making ${changes} changes`)
    const end = await makeWorkload(server, changes, preloaded)
    let equal = ''
    const drain = child('drain-ours', values.plain ? 'plain' : 'indexed', cache.url())
    const ours: Reader = async (...place) => {
      await cache.command(['FLUSHALL'])
      const drained = await drain(...place)
      if (equal === '') equal = await compareRedis(server, place[3], cache.url(), preloaded)
      return drained
    }
    const readers = { ours, ...(hasRecvlogical() && { pg_recvlogical: recvlogical }) }
    const figures = await drainInRounds(server, readers, end, folder, Number(values.rounds))
    const rates = (name: string): number[] => (figures.get(name) ?? []).map(({ ms }) => changes / (ms / 1000))
    const drained = figures.get('ours')!
    const seconds = drained.map(({ userMs, systemMs }) => (userMs! + systemMs!) / 1000)
    const medians: Record<string, number | string> = {}
    for (const name of figures.keys()) medians[`${name} changes/s`] = Math.round(median(rates(name)))
    medians['ours CPU s/1M'] = median(seconds) / (changes / 1e6)
    medians['ours RssAnon MiB'] = median(drained.map(({ rssAnonMiB }) => rssAnonMiB!))
    medians['Redis read back'] = equal
    return { ratios: { pg_recvlogical: pairedRatio(rates('ours'), rates('pg_recvlogical')) }, medians }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
