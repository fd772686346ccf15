/**
 * PostgreSQL catch-up into the durable log with its index, which has caught up at the end, beside the same without an
 * index, in interleaved rounds; `pg_recvlogical` beside both. `--changes N` (1000000), `--rounds N` (3).
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startPostgres } from '../support/postgres.ts'
import { compareWithTable } from './support/compare.ts'
import { child, drainInRounds, hasRecvlogical, recvlogical } from './support/drain-rounds.ts'
import { type BenchResult, median, note, pairedRatio } from './support/result.ts'
import { BENCH_SETTINGS, makeWorkload } from './support/workload.ts'

export default async function ingestIndexed(args: readonly string[]): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: { changes: { type: 'string', default: '1000000' }, rounds: { type: 'string', default: '3' } },
  })
  const changes = Number(values.changes)
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-bench-'))
  try {
    await using server = await startPostgres({ settings: BENCH_SETTINGS })
    note(`making ${changes} changes`)
    const end = await makeWorkload(server, changes, Math.ceil(changes / 2))
    const readers = {
      plain: child('drain-ours', 'plain'),
      indexed: child('drain-ours', 'indexed'),
      ...(hasRecvlogical() && { pg_recvlogical: recvlogical }),
    }
    const figures = await drainInRounds(server, readers, end, folder, Number(values.rounds))
    const equal = await compareWithTable(server, join(folder, 'log-indexed'), changes)
    const rates = (name: string): number[] => (figures.get(name) ?? []).map(({ ms }) => changes / (ms / 1000))
    const medians: Record<string, number | string> = {}
    for (const [name, drained] of figures) {
      medians[`${name} changes/s`] = Math.round(median(rates(name)))
      if (drained[0]?.userMs === undefined) continue
      const seconds = drained.map(({ userMs, systemMs }) => (userMs! + systemMs!) / 1000)
      medians[`${name} CPU s/1M`] = median(seconds) / (changes / 1e6)
      medians[`${name} RssAnon MiB`] = median(drained.map(({ rssAnonMiB }) => rssAnonMiB!))
    }
    medians['log read back'] = equal
    return {
      ratios: {
        'ingest without index': pairedRatio(rates('indexed'), rates('plain')),
        pg_recvlogical: pairedRatio(rates('indexed'), rates('pg_recvlogical')),
      },
      medians,
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
