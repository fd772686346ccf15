import { DatabaseSync } from 'node:sqlite'
import embedded from '../../../runtime/log/embedded.ts'
import { createLogger } from '../../../runtime/logger.ts'
import type { PostgresServer } from '../postgres.ts'
import type { Figures } from '../run-full.ts'
import { LargeDatabase } from './large-database.ts'
import { LargePipeline } from './large-pipeline.ts'

export interface TablesDose {
  readonly tables: number
  readonly sink: 'sqlite' | undefined
  readonly seconds: number
}

/** Tables made, or changed, in one transaction: each takes locks. */
const AT_ONCE = 500

/** `t17 3 text`, of all tables. */
type Lines = Set<string>

/** That many tables of a few rows captured at once: the first load, then changes in each. */
export async function manyTables(server: PostgresServer, { tables, sink, seconds }: TablesDose): Promise<Figures> {
  await using database = await LargeDatabase.make(server)
  const each = async (statements: string): Promise<void> => {
    for (let from = 1; from <= tables; from += AT_ONCE)
      await database.sql(`DO $$ BEGIN FOR i IN ${from} .. ${Math.min(from + AT_ONCE - 1, tables)} LOOP
        ${statements} END LOOP; END $$`)
  }
  await each(`EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, body text)', i);
    EXECUTE format('INSERT INTO t%s VALUES (1, ''one of %s''), (2, ''two''), (3, NULL)', i, i);`)
  const began = performance.now()
  await using pipeline = await LargePipeline.start(server, {
    database: database.name,
    tables: ['public.*'],
    sink,
    redis: undefined,
  })
  const since = (): number => Math.round((performance.now() - began) / 1000)
  await pipeline.until(({ sources }) => sources.app?.state === 'running', 'the source runs', seconds)
  const started = since()
  await pipeline.caughtUp(seconds)
  const loaded = since()
  await each(`EXECUTE format('INSERT INTO t%s VALUES (4, ''four'')', i);
    EXECUTE format('UPDATE t%s SET body = ''changed %s'' WHERE id = 3', i, i);
    EXECUTE format('DELETE FROM t%s WHERE id = 2', i);`)
  await pipeline.caughtUp(seconds)
  const changed = since()
  const { peakMb } = pipeline.memory.get()
  const silence = await pipeline.watch.demandOne()
  await pipeline.end()
  const expected = await sourceLines(database, tables)
  const found = sink === undefined ? await logLines(pipeline.folder) : sqliteLines(pipeline.folder, tables)
  const wrong = [...expected].filter(line => !found.has(line)).concat([...found].filter(line => !expected.has(line)))
  if (wrong.length > 0) throw new Error(`${wrong.length} rows differ: ${wrong.slice(0, 5).join('; ')}`)
  return {
    'started after, s': started,
    'loaded after, s': loaded,
    'changes applied after, s': changed,
    'memory, MB': Math.round(peakMb),
    'longest silence, ms': silence,
  }
}

async function sourceLines(database: LargeDatabase, tables: number): Promise<Lines> {
  await database.sql(`CREATE FUNCTION lines(first int, last int) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN
    FOR i IN first .. last LOOP
      RETURN QUERY EXECUTE format('SELECT concat_ws('' '', ''t%s'', id, body) FROM t%s', i, i);
    END LOOP; END $$`)
  const lines: Lines = new Set()
  for (let from = 1; from <= tables; from += AT_ONCE) {
    const rows = await database.sql('SELECT lines($1, $2) AS line', [from, Math.min(from + AT_ONCE - 1, tables)])
    for (const { line } of rows) lines.add(line!)
  }
  return lines
}

async function logLines(folder: string): Promise<Lines> {
  const context = { pipeline: 'x', name: 'app', logger: createLogger('error'), folder: `${folder}/data/app` }
  await using log = await embedded.inspect!(embedded.config.parse({ path: `${folder}/data` }), context)
  const rows = new Map<string, string>()
  const end = log.end()!
  for await (const batch of log.read('start', () => true, new AbortController().signal)) {
    for (const change of batch) {
      const { kind, table } = change
      if (kind === 's') continue
      if (kind === 'd') rows.delete(`${table.table} ${change.before(0)}`)
      else rows.set(`${table.table} ${change.text(0)}`, lineOf(table.table, change.text(0), change.text(1)))
    }
    if (log.compare(batch.cursor, end) !== 'before') break
  }
  return new Set(rows.values())
}

function sqliteLines(folder: string, tables: number): Lines {
  using database = new DatabaseSync(`${folder}/rows.db`, { readOnly: true, timeout: 5000 })
  const lines: Lines = new Set()
  for (let i = 1; i <= tables; i++)
    for (const { id, body } of database.prepare(`SELECT id, body FROM public_t${i}`).all())
      lines.add(lineOf(`t${i}`, id, body))
  return lines
}

function lineOf(table: string, id: unknown, body: unknown): string {
  return body === null ? `${table} ${id}` : `${table} ${id} ${body}`
}
