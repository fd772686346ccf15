/**
 * PostgreSQL catch-up into the durable log without its index (`ingest-indexed` has it), beside `pg_recvlogical` and `pg-logical-replication` with its defaults on
 * the same slot contents, in interleaved rounds; afterwards the log is read back and compared with the table.
 * `--changes N` (1000000), `--rounds N` (3).
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startPostgres } from '../support/postgres.ts'
import { compareWithTable } from './support/compare.ts'
import { child, type Drained, drainInRounds, hasRecvlogical, recvlogical } from './support/drain-rounds.ts'
import { type BenchResult, median, note, pairedRatio } from './support/result.ts'
import { BENCH_SETTINGS, makeWorkload } from './support/workload.ts'

export default async function ingest(args: readonly string[]): Promise<BenchResult> {
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
      ours: child('drain-ours', 'plain'),
      ...(hasRecvlogical() && { pg_recvlogical: recvlogical }),
      'pg-logical-replication': child('drain-peer'),
    }
    const figures = await drainInRounds(server, readers, end, folder, Number(values.rounds))
    const equal = await compareWithTable(server, join(folder, 'log-ours'), changes)
    return report(changes, figures, equal)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function report(changes: number, figures: ReadonlyMap<string, readonly Drained[]>, equal: string): BenchResult {
  const medians: Record<string, number | string> = {}
  const rates = (name: string): number[] => (figures.get(name) ?? []).map(({ ms }) => changes / (ms / 1000))
  for (const name of figures.keys()) medians[`${name} changes/s`] = Math.round(median(rates(name)))
  const ours = figures.get('ours')!
  medians['ours CPU s/1M'] = median(ours.map(({ userMs, systemMs }) => (userMs! + systemMs!) / 1000)) / (changes / 1e6)
  medians['ours RssAnon MiB'] = median(ours.map(({ rssAnonMiB }) => rssAnonMiB!))
  medians['log read back'] = equal
  return {
    ratios: {
      pg_recvlogical: pairedRatio(rates('ours'), rates('pg_recvlogical')),
      'pg-logical-replication': pairedRatio(rates('ours'), rates('pg-logical-replication')),
    },
    medians,
  }
}
