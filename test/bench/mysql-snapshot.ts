/**
 * First load of one table of MySQL and MariaDB into the durable log, beside `mysqldump --single-transaction` of the same
 * table to nowhere, in interleaved rounds. `--rows N` (1000000), `--rounds N` (5), `--flavor mysql|mariadb` (both).
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { clientProgram } from '../support/mysql/programs.ts'
import { FLAVORS, type Flavor } from '../support/mysql/releases.ts'
import { type MysqlServer, startMysql } from '../support/mysql/server.ts'
import { ROOT_PASSWORD } from '../support/mysql/settings.ts'
import { BENCH_DATABASE, BENCH_ORDERS, MYSQL_BENCH_OPTIONS, makeMysqlWorkload } from './support/mysql-workload.ts'
import { type BenchResult, median, note, pairedRatio } from './support/result.ts'

const run = promisify(execFile)
const LOAD = fileURLToPath(new URL('support/load-mysql.ts', import.meta.url))

interface Rates {
  readonly ours: number[]
  readonly theirs: number[]
  /** Seconds for a million rows. */
  readonly cpu: number[]
}

export default async function mysqlSnapshot(args: readonly string[]): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: 'string', default: '1000000' },
      rounds: { type: 'string', default: '5' },
      flavor: { type: 'string' },
    },
  })
  const ratios: Record<string, number | null> = {}
  const medians: Record<string, number | string | null> = {}
  for (const flavor of FLAVORS) {
    if (values.flavor !== undefined && values.flavor !== flavor) continue
    const { ours, theirs, cpu } = await ofFlavor(flavor, Number(values.rows), Number(values.rounds))
    medians[`${flavor}: ours rows/s`] = Math.round(median(ours))
    medians[`${flavor}: ours CPU s/1M`] = median(cpu)
    medians[`${flavor}: mysqldump rows/s`] = Math.round(median(theirs))
    ratios[`${flavor}: mysqldump --single-transaction`] = pairedRatio(ours, theirs)
  }
  return { ratios, medians }
}

async function ofFlavor(flavor: Flavor, rows: number, rounds: number): Promise<Rates> {
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-bench-'))
  try {
    await using server = await startMysql({ flavor, options: MYSQL_BENCH_OPTIONS })
    note(`${flavor}: making ${rows} rows`)
    await makeMysqlWorkload(server, 0, rows)
    const rates: Rates = { ours: [], theirs: [], cpu: [] }
    for (let round = 1; round <= rounds; round++) {
      const log = join(folder, `log-${round}`)
      const { stdout } = await run(process.execPath, [LOAD, server.url(), log])
      await rm(log, { recursive: true, force: true })
      const figures = JSON.parse(stdout) as { rows: number; ms: number; userMs: number; systemMs: number }
      if (figures.rows !== rows) throw new Error(`the load read ${figures.rows} rows of ${rows}`)
      rates.ours.push(rows / (figures.ms / 1000))
      rates.cpu.push(((figures.userMs + figures.systemMs) / 1000 / rows) * 1e6)
      rates.theirs.push(rows / (await dumped(server)))
      note(
        `${flavor} round ${round}: ours ${Math.round(rates.ours.at(-1)!)}, mysqldump ${Math.round(rates.theirs.at(-1)!)} rows/s`,
      )
    }
    return rates
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Seconds. */
async function dumped(server: MysqlServer): Promise<number> {
  const program = await clientProgram(server.flavor, 'mysqldump')
  const login = ['--host=127.0.0.1', `--port=${server.port}`, '--user=root', `--password=${ROOT_PASSWORD}`]
  const options = server.flavor === 'mysql' ? ['--set-gtid-purged=OFF', '--no-tablespaces'] : []
  const command = [
    ...program,
    '--no-defaults',
    ...login,
    '--single-transaction',
    ...options,
    BENCH_DATABASE,
    BENCH_ORDERS,
  ]
  const began = performance.now()
  await run('sh', ['-c', 'exec "$0" "$@" > /dev/null', ...command])
  return (performance.now() - began) / 1000
}
