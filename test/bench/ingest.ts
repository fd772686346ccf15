/**
 * PostgreSQL catch-up into the durable log, beside `pg_recvlogical` and `pg-logical-replication` with its defaults on
 * the same slot contents, in interleaved rounds; afterwards the log is read back and compared with the table.
 * `--changes N` (1000000), `--rounds N` (3).
 */
import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import { compareWithTable } from './support/compare.ts'
import { type BenchResult, median, note, pairedRatio } from './support/result.ts'
import { BENCH_PUBLICATION, BENCH_SETTINGS, BENCH_SLOT, makeWorkload } from './support/workload.ts'

const run = promisify(execFile)

interface Drained {
  readonly changes: number
  readonly ms: number
  readonly userMs?: number
  readonly systemMs?: number
  readonly rssAnonMiB?: number
}

type Reader = (server: PostgresServer, slot: string, end: string, folder: string) => Promise<Drained>

const child =
  (program: string): Reader =>
  async (server, slot, end, folder) => {
    const path = fileURLToPath(new URL(`support/${program}.ts`, import.meta.url))
    const { stdout } = await run(process.execPath, [path, server.url(), slot, BENCH_PUBLICATION, end, folder])
    return JSON.parse(stdout) as Drained
  }

const readers: Readonly<Record<string, Reader>> = {
  ours: child('drain-ours'),
  pg_recvlogical: async (server, slot, end) => {
    const options = ['-o', 'proto_version=1', '-o', `publication_names=${BENCH_PUBLICATION}`]
    const began = performance.now()
    await run('pg_recvlogical', [
      ...['-d', server.url(), '--slot', slot, '--start', '--no-loop', '--endpos', end, '-f', '/dev/null'],
      ...options,
    ])
    return { changes: 0, ms: performance.now() - began }
  },
  'pg-logical-replication': child('drain-peer'),
}

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
    const names = Object.keys(readers).filter(name => name !== 'pg_recvlogical' || hasRecvlogical())
    const figures = await rounds(server, names, end, folder, Number(values.rounds))
    const equal = await compareWithTable(server, join(folder, 'log-1'), changes)
    return report(changes, figures, equal)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function rounds(
  server: PostgresServer,
  names: readonly string[],
  end: string,
  folder: string,
  count: number,
): Promise<Map<string, Drained[]>> {
  const figures = new Map<string, Drained[]>(names.map(name => [name, []]))
  for (let round = 1; round <= count; round++) {
    for (const name of names) {
      const slot = `run_${round}_${name.replaceAll('-', '_')}`
      await server.sql(`select pg_copy_logical_replication_slot('${BENCH_SLOT}', '${slot}')`)
      const log = join(folder, `log-${round}`)
      const drained = await readers[name]!(server, slot, end, log)
      await server.sql(`select pg_drop_replication_slot('${slot}')`)
      figures.get(name)!.push(drained)
      note(`round ${round} ${name}: ${(drained.ms / 1000).toFixed(2)} s`)
      if (round > 1) await rm(log, { recursive: true, force: true })
    }
  }
  return figures
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

function hasRecvlogical(): boolean {
  try {
    execFileSync('pg_recvlogical', ['--version'])
    return true
  } catch {
    note('pg_recvlogical is missing (Debian: postgresql-client): skipped')
    return false
  }
}
