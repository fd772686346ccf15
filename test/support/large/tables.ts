import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout } from 'node:timers/promises'
import embedded from '../../../runtime/log/embedded.ts'
import { createLogger } from '../../../runtime/logger.ts'
import type { PostgresServer } from '../postgres.ts'
import type { Figures } from '../run-full.ts'
import { until } from '../until.ts'
import { cpuSeconds } from './cpu.ts'
import { LargeDatabase } from './large-database.ts'
import { LargePipeline } from './large-pipeline.ts'

export interface TablesDose {
  readonly tables: number
  /** Of each table. */
  readonly rows: number
  readonly sink: 'sqlite' | 'jsonl' | undefined
  readonly seconds: number
  /** How long nothing is written, to see what standing still costs; 0: not looked at. */
  readonly idleSeconds: number
}

/** Tables made, or changed, in one transaction: each takes locks. */
const AT_ONCE = 500
/** Commits whose way into the sink is timed. */
const COMMITS = 20
const FIRST_LOOK_MS = 10_000

/** `t17 3 text`, of all tables. */
type Lines = Set<string>

/** That many tables of a few rows captured at once: the first load, changes in each, a restart, and standing still. */
export async function manyTables(server: PostgresServer, dose: TablesDose): Promise<Figures> {
  const { tables, rows, sink, seconds, idleSeconds } = dose
  await using database = await LargeDatabase.make(server)
  const each = async (statements: string): Promise<void> => {
    for (let from = 1; from <= tables; from += AT_ONCE)
      await database.sql(`DO $$ BEGIN FOR i IN ${from} .. ${Math.min(from + AT_ONCE - 1, tables)} LOOP
        ${statements} END LOOP; END $$`)
  }
  await each(`EXECUTE format('CREATE TABLE t%s (id int PRIMARY KEY, body text)', i);
    EXECUTE format('INSERT INTO t%s SELECT id, CASE WHEN id <> 3 THEN id || '' of %s'' END
      FROM generate_series(1, ${rows}) id', i, i);`)
  const began = performance.now()
  const lookMs = Math.min(500, Math.max(20, tables / 20))
  const options = { database: database.name, tables: ['public.*'], sink, redis: undefined, lookMs }
  await using pipeline = await LargePipeline.start(server, options)
  const since = (from: number): number => Math.round((performance.now() - from) / 100) / 10
  await pipeline.until(({ sources }) => sources.app?.state === 'running', 'the source runs', seconds)
  const started = since(began)
  await pipeline.caughtUp(seconds)
  const loaded = since(began)
  const changing = performance.now()
  await each(`EXECUTE format('INSERT INTO t%s VALUES (${rows + 1}, ''new'')', i);
    EXECUTE format('UPDATE t%s SET body = ''changed %s'' WHERE id = 3', i, i);
    EXECUTE format('DELETE FROM t%s WHERE id = 2', i);`)
  await pipeline.caughtUp(seconds)
  const changed = since(changing)
  const { peakMb } = pipeline.memory.get()
  const silence = await pipeline.watch.demandOne()
  const restarting = performance.now()
  await pipeline.restart()
  await pipeline.until(({ sources }) => sources.app?.state === 'running', 'the source runs again', seconds)
  await pipeline.caughtUp(seconds)
  const restarted = since(restarting)
  const idle = idleSeconds === 0 ? {} : await standingStill(pipeline, database, idleSeconds)
  const delays: number[] = []
  for (let i = 1; i <= COMMITS; i++) {
    const table = `t${Math.ceil((i * tables) / COMMITS)}`
    await database.sql(`UPDATE ${table} SET body = 'late ${i}' WHERE id = 1`)
    const committed = performance.now()
    if (sink === undefined)
      await until(async () => (await pipeline.row(table, '1')).body === `late ${i}`, 'it is there')
    else await pipeline.waited()
    delays.push(performance.now() - committed)
  }
  await pipeline.end()
  const expected = await sourceLines(database, tables)
  const found = await linesOf(pipeline.folder, tables, sink)
  const wrong = [...expected].filter(line => !found.has(line)).concat([...found].filter(line => !expected.has(line)))
  if (wrong.length > 0) throw new Error(`${wrong.length} rows differ: ${wrong.slice(0, 5).join('; ')}`)
  return {
    'started after, s': started,
    'loaded after, s': loaded,
    'changes applied after, s': changed,
    'restarted and caught up after, s': restarted,
    'memory, MB': Math.round(peakMb),
    'longest silence, ms': silence,
    ...idle,
    'slowest commit until it has arrived, ms': Math.round(Math.max(...delays)),
  }
}

/** What the process and the server's process that looks at the catalog use while nothing happens. */
async function standingStill(pipeline: LargePipeline, database: LargeDatabase, seconds: number): Promise<Figures> {
  let watcher: number | undefined
  const find = async (): Promise<boolean> => {
    const rows = await database.sql(
      "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '% watch'",
    )
    watcher = rows.map(({ pid }) => Number(pid))[0]
    return watcher !== undefined
  }
  await until(find, 'the catalog is looked at')
  // The first look compares every table.
  await setTimeout(FIRST_LOOK_MS)
  const used = (): number[] => [pipeline.pid, watcher!].map(cpuSeconds)
  const before = used()
  await setTimeout(seconds * 1000)
  const [own, catalog] = used().map((after, i) => Math.round((1000 * (after - before[i]!)) / seconds) / 10)
  return { 'idle, % of a core': own!, 'catalog at the server, % of a core': catalog! }
}

async function linesOf(folder: string, tables: number, sink: TablesDose['sink']): Promise<Lines> {
  if (sink === undefined) return await logLines(folder)
  return sink === 'sqlite' ? sqliteLines(folder, tables) : jsonlLines(folder, tables)
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

function jsonlLines(folder: string, tables: number): Lines {
  const lines: Lines = new Set()
  for (let i = 1; i <= tables; i++) {
    const rows = new Map<string, string>()
    const text = readFileSync(`${folder}/files/public.t${i}/00000001.jsonl`, 'utf8')
    for (const line of text.split('\n')) {
      if (!line.startsWith('{"key"')) continue
      const { key, value } = JSON.parse(line) as { key: [number]; value: { id: number; body: string | null } | null }
      if (value === null) rows.delete(String(key[0]))
      else rows.set(String(key[0]), lineOf(`t${i}`, value.id, value.body))
    }
    for (const line of rows.values()) lines.add(line)
  }
  return lines
}

function lineOf(table: string, id: unknown, body: unknown): string {
  return body === null ? `${table} ${id}` : `${table} ${id} ${body}`
}
