/**
 * First load of one table into the durable log, beside `psql` copying the same table to nowhere, in interleaved rounds.
 * `--rows N` (1000000), `--rounds N` (5).
 */
import { execFile, execFileSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { startPostgres } from '../support/postgres.ts'
import { type BenchResult, median, note, pairedRatio } from './support/result.ts'
import { BENCH_SETTINGS, BENCH_TABLE, makeWorkload } from './support/workload.ts'

const run = promisify(execFile)

export default async function snapshot(args: readonly string[]): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: { rows: { type: 'string', default: '1000000' }, rounds: { type: 'string', default: '5' } },
  })
  const rows = Number(values.rows)
  const psql = hasPsql()
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-bench-'))
  try {
    await using server = await startPostgres({ settings: BENCH_SETTINGS })
    note(`making ${rows} rows`)
    await makeWorkload(server, 0, rows)
    const ours: number[] = []
    const theirs: number[] = []
    const cpu: number[] = []
    for (let round = 1; round <= Number(values.rounds); round++) {
      const log = join(folder, `log-${round}`)
      const path = fileURLToPath(new URL('support/load-ours.ts', import.meta.url))
      const { stdout } = await run(process.execPath, [path, server.url(), `bench${round}`, log])
      await rm(log, { recursive: true, force: true })
      const figures = JSON.parse(stdout) as { rows: number; ms: number; userMs: number; systemMs: number }
      if (figures.rows !== rows) throw new Error(`the load read ${figures.rows} rows of ${rows}`)
      ours.push(rows / (figures.ms / 1000))
      cpu.push(((figures.userMs + figures.systemMs) / 1000 / rows) * 1e6)
      if (!psql) continue
      const began = performance.now()
      const copy = `copy ${BENCH_TABLE} to stdout`
      await run('sh', ['-c', 'exec psql -d "$0" -c "$1" > /dev/null', server.url(), copy])
      theirs.push(rows / ((performance.now() - began) / 1000))
      note(`round ${round}: ours ${Math.round(ours.at(-1)!)}, psql ${Math.round(theirs.at(-1)!)} rows/s`)
    }
    return {
      ratios: { 'psql copy to stdout': pairedRatio(ours, theirs) },
      medians: {
        'ours rows/s': Math.round(median(ours)),
        'ours CPU s/1M': median(cpu),
        'psql rows/s': psql ? Math.round(median(theirs)) : null,
      },
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function hasPsql(): boolean {
  try {
    execFileSync('psql', ['--version'])
    return true
  } catch {
    note('psql is missing (Debian: postgresql-client): skipped')
    return false
  }
}
