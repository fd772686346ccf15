/**
 * Updates of a counter beside a wide value that stays as it is, which PostgreSQL leaves out and the log completes from
 * its index (R2): 10 KB and 1 MB, in 1 % and in 100 % of the updates. Beside it the same with the value left out of the
 * log as well, about what references instead of copies would cost. Durable, indexed, in interleaved rounds.
 * `--updates N` (20000 of 10 KB; a hundredth of rows of 1 MB), `--rounds N` (3).
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import type { Drained } from './support/drain-rounds.ts'
import { type BenchResult, median, note, pairedRatio } from './support/result.ts'
import { BENCH_SETTINGS } from './support/workload.ts'

const run = promisify(execFile)
const DRAIN = fileURLToPath(new URL('./support/drain-updates.ts', import.meta.url))
const FORMS = ['completed', 'sent'] as const

interface Workload {
  readonly label: string
  readonly table: string
  readonly bytes: number
  /** Rows with a wide value, and as many without. */
  readonly rows: number
  readonly updates: number
  /** Of the updates, percent. */
  readonly wide: number
}

interface Updated extends Drained {
  readonly logBytes: number
  readonly incompleteKeys: number
}

export default async function ingestToast(args: readonly string[]): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: { updates: { type: 'string', default: '20000' }, rounds: { type: 'string', default: '3' } },
  })
  const ratios: Record<string, number | null> = {}
  const medians: Record<string, number> = {}
  const folder = await mkdtemp(join(tmpdir(), 'tailrace-bench-toast-'))
  try {
    await using server = await startPostgres({ settings: BENCH_SETTINGS })
    for (const workload of workloads(Number(values.updates))) {
      const { label, updates, wide } = workload
      const end = await make(server, workload)
      const drained = { completed: [] as Updated[], sent: [] as Updated[] }
      for (let round = 1; round <= Number(values.rounds); round++)
        for (const form of FORMS) {
          const figures = await drain(server, workload, end, join(folder, 'log'), form)
          drained[form].push(figures)
          note(`${label}, round ${round}, ${form}: ${(figures.ms / 1000).toFixed(2)} s`)
        }
      const rates = (form: 'completed' | 'sent'): number[] => drained[form].map(({ ms }) => updates / (ms / 1000))
      const cpu = (form: 'completed' | 'sent'): number =>
        median(drained[form].map(({ userMs, systemMs }) => userMs! + systemMs!))
      const completions = (updates * wide) / 100
      ratios[`${label}, value left out`] = pairedRatio(rates('completed'), rates('sent'))
      medians[`${label}: updates/s`] = Math.round(median(rates('completed')))
      medians[`${label}: log bytes/update`] = Math.round(median(drained.completed.map(each => each.logBytes)) / updates)
      medians[`${label}: log MB/s`] = Math.round(median(drained.completed.map(each => each.logBytes / each.ms / 1000)))
      medians[`${label}: CPU ms/completion`] = Number(((cpu('completed') - cpu('sent')) / completions).toFixed(3))
      medians[`${label}: RssAnon MiB`] = median(drained.completed.map(each => each.rssAnonMiB!))
      medians[`${label}, left out: updates/s`] = Math.round(median(rates('sent')))
      medians[`${label}, left out: log bytes/update`] = Math.round(
        median(drained.sent.map(each => each.logBytes)) / updates,
      )
      await server.sql(`drop publication ${workload.table}; drop table ${workload.table}`)
      await server.sql('select pg_drop_replication_slot($1)', [workload.table])
    }
    return { ratios, medians }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function workloads(updates: number): Workload[] {
  const of = (size: string, bytes: number, rows: number, updates: number, wide: number): Workload => ({
    ...{ label: `${size}, ${wide} %`, table: `wide_${bytes}_${wide}`, bytes, rows, updates, wide },
  })
  return [
    of('10 KB', 10 * 1024, 1000, updates, 1),
    of('10 KB', 10 * 1024, 1000, updates, 100),
    of('1 MB', 1024 * 1024, 20, updates, 1),
    of('1 MB', 1024 * 1024, 20, Math.ceil(updates / 50), 100),
  ]
}

/** Table, publication and, behind the rows, the slot, of one name; answers where the updates end. */
async function make(server: PostgresServer, workload: Workload): Promise<string> {
  const { table, bytes, rows, updates, wide } = workload
  note(`making ${workload.label}`)
  await server.sql(
    `create table ${table} (id bigint primary key, counter bigint not null, note text, body text not null)`,
  )
  await server.sql(`alter table ${table} alter body set storage external`)
  await server.sql(`create publication ${table} for table ${table}`)
  await server.sql(
    `insert into ${table} select i, 0, 'ring twice, then leave it by the weir', case when i > ${rows} then 'short'
     else (select string_agg(md5(i || ' ' || j), '') from generate_series(1, ${bytes / 32}) j) end
     from generate_series(1, ${2 * rows}) i`,
  )
  await server.sql(`select pg_create_logical_replication_slot('${table}', 'pgoutput')`)
  await server.sql(
    `do $$ begin
       for i in 1 .. ${updates} loop
         update ${table} set counter = counter + 1
           where id = case when i % 100 < ${wide} then 1 + i / 100 % ${rows} else ${rows} + 1 + i % ${rows} end;
         if i % 20 = 0 then commit; end if;
       end loop;
     end $$`,
  )
  return (await server.sql('select pg_current_wal_lsn()::text as lsn'))[0]!.lsn!
}

async function drain(
  server: PostgresServer,
  { table, updates, wide }: Workload,
  end: string,
  log: string,
  form: 'completed' | 'sent',
): Promise<Updated> {
  const slot = `${table}_copy`
  await server.sql(`select pg_copy_logical_replication_slot('${table}', '${slot}')`)
  const args = [DRAIN, server.url(), slot, table, `public.${table}`, end, log, form]
  const { stdout } = await run(process.execPath, args)
  await server.sql('select pg_drop_replication_slot($1)', [slot])
  await rm(log, { recursive: true, force: true })
  const figures = JSON.parse(stdout) as Updated
  if (figures.changes !== updates) throw new Error(`the log took ${figures.changes} updates of ${updates}`)
  if (figures.incompleteKeys > 0 !== (form === 'sent' && wide > 0))
    throw new Error(`${figures.incompleteKeys} keys lack values, ${form}`)
  return figures
}
