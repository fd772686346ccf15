/** Every value of some types, read by load and by stream. */
import type { ChangeView, Column, LogicalType } from '../../../runtime/contract.ts'
import type { PostgresServer } from '../postgres.ts'
import { openSource, runSource, type SourceRun } from '../source-run.ts'
import { entriesOf } from './entries.ts'
import type { TypeCase } from './type-case.ts'

type Texts = readonly (string | null | undefined)[]

/** Rows by their place (entries.ts) and by how they came; a cell as its tag and bytes. */
export interface Arrived {
  readonly run: SourceRun
  readonly loaded: readonly string[][]
  readonly inserted: readonly string[][]
  readonly updated: readonly string[][]
  /** The loaded rows again, read beside the stream. */
  readonly beside: readonly string[][]
  /** Old rows of updates. */
  readonly before: readonly Texts[]
  /** Of the loaded rows. */
  readonly texts: readonly Texts[]
  readonly types: readonly LogicalType[]
  readonly declared: readonly string[]
}

/** Rows come a second time by an insert, a third time by an update, and so many ids later. */
export const INSERTED = 1000
export const UPDATED = 2000

/** `role` owns the database and reads it. */
export async function readTyped(
  server: PostgresServer,
  database: string,
  role: string,
  cases: readonly TypeCase[],
): Promise<Arrived> {
  const sql = (text: string, params: unknown[] = []) => server.sql(text, params, database)
  const columns = cases.map(({ type }, i) => `c${i} ${type}`)
  await sql(`CREATE TABLE types (id int PRIMARY KEY, ${columns.join(', ')});
    ALTER TABLE types REPLICA IDENTITY FULL; ALTER TABLE types OWNER TO ${role}`)
  const entries = entriesOf(cases, server.major)
  const client = await server.connect(database)
  for (const [row, { of, column, value }] of entries.entries())
    await client.query(`INSERT INTO types (id, c${column}) VALUES (${row}, $1::${of.type})`, [value.write])
  await client.query(`INSERT INTO types VALUES (${entries.length})`)
  await client.end()
  const list = cases.map((_, i) => `c${i}`).join(', ')
  const options = { url: server.url(database, role), tables: ['public.types'] }
  const run = await runSource(options, 4 * (entries.length + 1), () =>
    sql(`INSERT INTO types SELECT id + ${INSERTED}, ${list} FROM types WHERE id < ${INSERTED};
        INSERT INTO types (id) SELECT id + ${UPDATED} FROM types WHERE id < ${INSERTED};
        UPDATE types t SET (${list}) = (SELECT ${list} FROM types f WHERE f.id = t.id - ${UPDATED})
        WHERE id >= ${UPDATED};
        UPDATE types SET c0 = c0 WHERE id BETWEEN ${INSERTED} AND ${UPDATED - 1}`),
  )
  return { ...arrivedOf(run), beside: await readBeside(options, run) }
}

async function readBeside(options: { url: string; tables: string[] }, { log }: SourceRun): Promise<string[][]> {
  const signal = AbortSignal.timeout(30_000)
  await using source = openSource(options)
  await source.start(await log.resume(), signal)
  const rows: string[][] = []
  for await (const chunk of source.load(source.request('app.public.types', { kind: 'all' }, false)!, signal))
    for (const change of chunk.rows) {
      const id = Number(change.text(0))
      if (change.kind === 'r' && id < INSERTED) rows[id] = cellsOf(change)
    }
  return rows
}

function arrivedOf(run: SourceRun): Omit<Arrived, 'beside'> {
  const [loaded, inserted, updated]: [string[][], string[][], string[][]] = [[], [], []]
  const [before, texts]: [Texts[], Texts[]] = [[], []]
  let columns: readonly Column[] = []
  for (const batch of run.batches)
    for (const change of batch) {
      if (change.kind === 's') continue
      columns = change.table.columns.slice(1)
      const id = Number(change.text(0))
      const row = id % INSERTED
      if (change.kind === 'r') {
        loaded[row] = cellsOf(change)
        texts[row] = columns.map((_, i) => change.text(i + 1))
      } else if (change.kind === 'c' && id < UPDATED) inserted[row] = cellsOf(change)
      else if (change.kind === 'u' && id >= UPDATED) updated[row] = cellsOf(change)
      else if (change.kind === 'u') before[row] = columns.map((_, i) => change.before(i + 1))
    }
  return {
    run,
    loaded,
    inserted,
    updated,
    before,
    texts,
    types: columns.map(({ type }) => type),
    declared: columns.map(({ declared }) => declared),
  }
}

function cellsOf(change: ChangeView): string[] {
  const cell = (i: number): string =>
    `${String.fromCharCode(change.tag(i))}:${Buffer.from(change.cell(i)).toString('hex')}`
  return change.table.columns.slice(1).map((_, i) => cell(i + 1))
}
