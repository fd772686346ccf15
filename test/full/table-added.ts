/**
 * A table of a million rows is added to a running pipeline, whose other table is written to 500 times a second: how long
 * a commit there takes into the sink meanwhile, at the slowest. `--rows N` for another size.
 */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import { percentile } from '../crash/fresh-read.ts'
import { startPostgres } from '../support/postgres.ts'
import type { FullRun } from '../support/run-full.ts'
import { type RunningVerb, SmallPipeline } from '../support/small-pipeline.ts'

const ROWS = 1_000_000
const MOST_MS = 1000
const LOOK_MS = 2
/** A transaction each 2 ms. */
const WRITER = `
  CREATE TABLE writing (until timestamptz);
  CREATE PROCEDURE write_items() LANGUAGE plpgsql AS $$
  BEGIN
    FOR i IN 1 .. 10000000 LOOP
      UPDATE item SET name = 'n' || i WHERE id = 2;
      COMMIT;
      PERFORM pg_sleep(0.002);
      EXIT WHEN EXISTS (SELECT FROM writing);
      COMMIT;
    END LOOP;
  END $$`

const run: FullRun = async args => {
  const at = args.indexOf('--rows')
  const rows = at === -1 ? ROWS : Number(args[at + 1])
  await using server = await startPostgres()
  await using small = await SmallPipeline.open(server)
  await small.sql(WRITER)
  await small.sql(
    `CREATE TABLE big (id bigint PRIMARY KEY, name text, price numeric(20,6), at timestamptz);
     INSERT INTO big SELECT i, 'name ' || i, i * 1.000001, now() FROM generate_series(1, ${rows}) i; ANALYZE big`,
  )
  const running = small.start()
  await running.until(({ sinks }) => sinks.copy?.phase === 'live', 'it is live', 60)
  const writer = small.sql('CALL write_items()')
  const before = await lags(small, setTimeout(5000, true))
  const began = performance.now()
  small.settings.tables.push('public.big')
  await small.configure()
  running.kill('SIGHUP')
  const meanwhile = await lags(small, isThere(small, running, rows))
  const seconds = (performance.now() - began) / 1000
  await small.sql('INSERT INTO writing VALUES (now())')
  await writer
  const figures = {
    rows,
    'loaded and applied in, s': Number(seconds.toFixed(1)),
    'lag of the other table before, ms': told(before),
    'lag of the other table meanwhile, ms': told(meanwhile),
    commits: meanwhile.length,
  }
  if (Math.max(...meanwhile) >= MOST_MS) throw new Error(`a commit took too long: ${JSON.stringify(figures)}`)
  return figures
}

/** Milliseconds from each of one commit after another to its row in the sink, until `end` has come. */
async function lags(small: SmallPipeline, end: Promise<unknown>): Promise<number[]> {
  let isOver = false
  const ending = end.finally(() => {
    isOver = true
  })
  ending.catch(() => {})
  const took: number[] = []
  const client = await small.server.connect(small.database)
  try {
    using database = new DatabaseSync(join(small.folder, 'copy.db'), { readOnly: true, timeout: 5000 })
    const name = database.prepare('SELECT name FROM public_item WHERE id = 1')
    while (!isOver) {
      const value = `${performance.now()}`
      await client.query('UPDATE item SET name = $1 WHERE id = 1', [value])
      const committed = performance.now()
      while (name.get()?.name !== value) await setTimeout(LOOK_MS)
      took.push(performance.now() - committed)
    }
  } finally {
    await client.end()
  }
  await ending
  return took
}

/** Resolves when all rows of the added table are in the sink. */
async function isThere(small: SmallPipeline, running: RunningVerb, rows: number): Promise<void> {
  await running.until(
    ({ sources }) =>
      sources.app!.tables.some(
        each => each.table === 'app.public.big' && each.state === 'streaming' && (each.rows ?? 0) > 0,
      ),
    'the table is loaded',
    1200,
  )
  const { code, err } = await small.verb('wait')
  if (code !== 0) throw new Error(`wait exited with ${code}: ${err}`)
  const [count] = (await small.sink('SELECT count(*) AS n FROM public_big')) as { n: number }[]
  if (count?.n !== rows) throw new Error(`the sink has ${count?.n} of ${rows} rows`)
}

function told(lags: readonly number[]): string {
  const [p50, p99, max] = [0.5, 0.99, 1].map(share => Math.round(percentile(lags, share)))
  return `p50 ${p50}, p99 ${p99}, slowest ${max}`
}

export default run
