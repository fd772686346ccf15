/**
 * A first load of 5 M rows, killed at 30, 60 and 90 %: how much of the table the server reads again for what is left, by
 * its own count of pages, while 1,000 rows are changed and 1,000 deleted in between. `--rows N` for another table.
 */

import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type PostgresServer, startPostgres } from '../support/postgres.ts'
import type { FullRun } from '../support/run-full.ts'
import { SmallPipeline } from '../support/small-pipeline.ts'
import { until } from '../support/until.ts'

const ROWS = 5_000_000
/** Where it is killed, and what may be read again at most. */
const KILLS = [
  [0.3, 0.75],
  [0.6, 0.45],
  [0.9, 0.15],
] as const
const LOAD_SECONDS = 600
/** Rows compared at a time. */
const PAGE = 50_000

const run: FullRun = async args => {
  const at = args.indexOf('--rows')
  const rows = at === -1 ? ROWS : Number(args[at + 1])
  // Vacuum would be counted as reading.
  await using server = await startPostgres({ settings: { autovacuum: 'off' } })
  const figures: Record<string, number> = { rows }
  for (const [share, most] of KILLS) {
    const again = await readAgain(server, rows, share)
    figures[`killed at ${share * 100} %, read again, %`] = Math.round(again * 1000) / 10
    if (again > most) throw new Error(`killed at ${share}, ${again} of the table was read again, not ${most}`)
  }
  return figures
}

async function readAgain(server: PostgresServer, rows: number, share: number): Promise<number> {
  await using small = await SmallPipeline.open(server)
  await small.sql(`INSERT INTO item SELECT n, repeat('x', 60) || n FROM generate_series(10, ${rows + 9}) n`)
  await small.sql('VACUUM ANALYZE item')
  const pages = Number((await small.sql("SELECT relpages FROM pg_class WHERE relname = 'item'"))[0]!.relpages)
  const first = small.start()
  await first.until(
    ({ sources }) => {
      const loaded = sources.app?.progress?.rows ?? 0
      if (sources.app?.phase === 'streaming') throw new Error('the load had ended before it was killed')
      return loaded >= share * rows
    },
    'it has come so far',
    LOAD_SECONDS,
  )
  first.kill('SIGKILL')
  await first.exit
  // What a backend has read it tells at the end of its transaction: those of the killed load, when they notice.
  await until(async () => (await backendsOf(small)) === 0, 'the server has noticed')
  await small.sql("UPDATE item SET name = 'changed' WHERE id % (SELECT max(id) / 1000 FROM item) = 7")
  await small.sql('DELETE FROM item WHERE id % (SELECT max(id) / 1000 FROM item) = 5')
  const before = await pagesRead(small)
  await small.start().until(({ sources }) => sources.app?.state === 'running', 'it runs again')
  const said = await small.verb('wait', '--timeout', String(LOAD_SECONDS))
  if (said.code !== 0) throw new Error(said.err)
  const again = ((await pagesRead(small)) - before) / pages
  await demandEqual(small, rows)
  console.log(`killed at ${share * 100} %: ${(again * 100).toFixed(1)} % of ${pages} pages were read again`)
  return again
}

async function backendsOf(small: SmallPipeline): Promise<number> {
  const rows = await small.sql(
    "SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'tailrace %'",
  )
  return rows.length
}

/** Of the table, by all backends, also from the server's own memory. A backend tells it a moment after it was idle. */
async function pagesRead(small: SmallPipeline): Promise<number> {
  await small.sql('SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot()')
  const [row] = await small.sql(
    "SELECT heap_blks_read + heap_blks_hit AS pages FROM pg_statio_user_tables WHERE relname = 'item'",
  )
  return Number(row!.pages)
}

async function demandEqual(small: SmallPipeline, rows: number): Promise<void> {
  using sink = new DatabaseSync(join(small.folder, 'copy.db'), { readOnly: true })
  const page = sink.prepare(
    'SELECT CAST(id AS TEXT) AS id, name FROM public_item WHERE id >= ? AND id < ? ORDER BY public_item.id',
  )
  for (let from = 0; from < rows + 10; from += PAGE) {
    const wanted = await small.sql('SELECT id, name FROM item WHERE id >= $1 AND id < $2 ORDER BY id', [
      from,
      from + PAGE,
    ])
    const found = page.all(from, from + PAGE)
    const isEqual =
      wanted.length === found.length && wanted.every((row, i) => row.id === found[i]!.id && row.name === found[i]!.name)
    if (!isEqual)
      throw new Error(`rows from ${from} on differ: ${wanted.length} in the source, ${found.length} in the sink`)
  }
}

export default run
