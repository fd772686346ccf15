/**
 * MySQL and MariaDB: catch-up with a binary log into the durable log, beside `mysqlbinlog --raw` of the same files into
 * memory and `@vlasky/zongji`, in interleaved rounds; afterwards the log is read back and compared with the table.
 * `--changes N` (1000000), `--rounds N` (3), `--flavor mysql|mariadb` (both).
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { clientProgram } from '../support/mysql/programs.ts'
import { FLAVORS, type Flavor } from '../support/mysql/releases.ts'
import { type MysqlServer, startMysql } from '../support/mysql/server.ts'
import { ROOT_PASSWORD } from '../support/mysql/settings.ts'
import { compareWithMysql } from './support/compare-mysql.ts'
import type { Drained } from './support/drain-rounds.ts'
import { MYSQL_BENCH_OPTIONS, type MysqlWorkload, makeMysqlWorkload } from './support/mysql-workload.ts'
import { type BenchResult, median, note, pairedRatio } from './support/result.ts'

const run = promisify(execFile)
const MEMORY = '/dev/shm'

type Reader = (server: MysqlServer, workload: MysqlWorkload, folder: string) => Promise<Drained>

const READERS: Readonly<Record<string, Reader>> = {
  ours: child('drain-mysql'),
  mysqlbinlog,
  '@vlasky/zongji': child('drain-zongji'),
}

export default async function mysqlIngest(args: readonly string[]): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      changes: { type: 'string', default: '1000000' },
      rounds: { type: 'string', default: '3' },
      flavor: { type: 'string' },
    },
  })
  const [changes, rounds] = [Number(values.changes), Number(values.rounds)]
  const ratios: Record<string, number | null> = {}
  const medians: Record<string, number | string | null> = {}
  for (const flavor of FLAVORS) {
    if (values.flavor !== undefined && values.flavor !== flavor) continue
    const { figures, equal } = await ofFlavor(flavor, changes, rounds)
    const rates = (name: string): number[] => figures.get(name)!.map(({ ms }) => changes / (ms / 1000))
    for (const name of figures.keys()) medians[`${flavor}: ${name} changes/s`] = Math.round(median(rates(name)))
    const ours = figures.get('ours')!
    medians[`${flavor}: ours CPU s/1M`] =
      median(ours.map(({ userMs, systemMs }) => (userMs! + systemMs!) / 1000)) / (changes / 1e6)
    medians[`${flavor}: ours RssAnon MiB`] = median(ours.map(({ rssAnonMiB }) => rssAnonMiB!))
    medians[`${flavor}: log read back`] = equal
    for (const peer of ['mysqlbinlog', '@vlasky/zongji'])
      ratios[`${flavor}: ${peer}`] = pairedRatio(rates('ours'), rates(peer))
  }
  return { ratios, medians }
}

async function ofFlavor(
  flavor: Flavor,
  changes: number,
  rounds: number,
): Promise<{ figures: Map<string, Drained[]>; equal: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-bench-'))
  try {
    await using server = await startMysql({ flavor, options: MYSQL_BENCH_OPTIONS })
    note(`${flavor}: making ${changes} changes`)
    const workload = await makeMysqlWorkload(server, changes, Math.ceil(changes / 2))
    const figures = new Map<string, Drained[]>(Object.keys(READERS).map(name => [name, []]))
    for (let round = 1; round <= rounds; round++)
      for (const [name, read] of Object.entries(READERS)) {
        const log = join(folder, round === 1 ? 'log-first' : 'log')
        const drained = await read(server, workload, log)
        figures.get(name)!.push(drained)
        note(`${flavor} round ${round} ${name}: ${(drained.ms / 1000).toFixed(2)} s`)
        if (round > 1) await rm(log, { recursive: true, force: true })
      }
    for (const name of ['ours', '@vlasky/zongji'])
      for (const one of figures.get(name)!)
        if (one.changes < changes) throw new Error(`${name} has read ${one.changes} changes of ${changes}`)
    return { figures, equal: await compareWithMysql(server, join(folder, 'log-first'), changes) }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** A program of support/, which prints a Drained. */
function child(program: string): Reader {
  const path = fileURLToPath(new URL(`support/${program}.ts`, import.meta.url))
  return async (server, { file, before, last }, folder) => {
    const { stdout } = await run(process.execPath, [path, server.url(), file, before, last, folder])
    return JSON.parse(stdout) as Drained
  }
}

async function mysqlbinlog(server: MysqlServer, { file }: MysqlWorkload): Promise<Drained> {
  const [command, ...first] = await clientProgram(server.flavor, 'mysqlbinlog')
  const into = await mkdtemp(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'tailrace-bench-'))
  try {
    const login = ['--host=127.0.0.1', `--port=${server.port}`, '--user=root', `--password=${ROOT_PASSWORD}`]
    const began = performance.now()
    await run(command, [
      ...[...first, '--no-defaults', ...login, '--read-from-remote-server', '--raw', '--to-last-log'],
      ...[`--result-file=${into}/`, file],
    ])
    return { changes: 0, ms: performance.now() - began }
  } finally {
    await rm(into, { recursive: true, force: true })
  }
}
