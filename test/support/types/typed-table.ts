/** A table with a column of each type and a row of each value, read by load and by stream. */
import type { ChangeView, LogicalType } from '../../../runtime/contract.ts'
import type { Major } from '../cached-postgres.ts'
import type { PostgresServer } from '../postgres.ts'
import { runSource, type SourceRun } from '../source-run.ts'
import type { TypeCase } from './type-case.ts'

/** Rows by how they came, each cell as its tag and bytes; `before`: old rows of updates, as text. */
export interface Arrived {
  readonly run: SourceRun
  /** By row. */
  readonly loaded: string[][]
  readonly inserted: string[][]
  readonly updated: string[][]
  readonly before: (string | null | undefined)[][]
  readonly texts: (string | null)[][]
  readonly types: readonly LogicalType[]
}

const INSERTED = 1000
const UPDATED = 2000

/** What is written to row `row`; the last row is null everywhere. */
export function rowOf(
  cases: readonly TypeCase[],
  row: number,
  major: Major,
  form: 'write' | 'text',
): (string | null)[] {
  return cases.map(({ values }) => values.filter(({ since }) => since <= major)[row]?.[form] ?? null)
}

export function rowCount(cases: readonly TypeCase[]): number {
  return Math.max(...cases.map(({ values }) => values.length)) + 1
}

/** `role` owns the database and reads it. Columns are called c0, c1 and so on. */
export async function readTyped(
  server: PostgresServer,
  database: string,
  role: string,
  cases: readonly TypeCase[],
): Promise<Arrived> {
  const sql = (text: string, params: unknown[] = []) => server.sql(text, params, database)
  const names = cases.map((_, i) => `c${i}`)
  const columns = cases.map(({ type }, i) => `c${i} ${type}`)
  await sql(`CREATE TABLE types (id int PRIMARY KEY, ${columns.join(', ')});
    ALTER TABLE types REPLICA IDENTITY FULL; ALTER TABLE types OWNER TO ${role}`)
  const client = await server.connect(database)
  const places = cases.map(({ type }, i) => `$${i + 2}::${type}`)
  const rows = rowCount(cases)
  for (let row = 0; row < rows; row++)
    await client.query(`INSERT INTO types VALUES ($1, ${places.join(', ')})`, [
      row,
      ...rowOf(cases, row, server.major, 'write'),
    ])
  await client.end()
  const list = names.join(', ')
  const run = await runSource({ url: server.url(database, role), tables: ['public.types'] }, 4 * rows, () =>
    sql(`INSERT INTO types SELECT id + ${INSERTED}, ${list} FROM types WHERE id < ${INSERTED};
      INSERT INTO types (id) SELECT id + ${UPDATED} FROM types WHERE id < ${INSERTED};
      UPDATE types t SET (${list}) = (SELECT ${list} FROM types f WHERE f.id = t.id - ${UPDATED}) WHERE id >= ${UPDATED};
      UPDATE types SET c0 = NULL WHERE id BETWEEN ${INSERTED} AND ${UPDATED - 1}`),
  )
  return sorted(run)
}

function sorted(run: SourceRun): Arrived {
  const all: Arrived = { run, loaded: [], inserted: [], updated: [], before: [], texts: [], types: [] }
  let types: LogicalType[] = []
  for (const batch of run.batches)
    for (const change of batch) {
      const { kind, table } = change
      if (kind === 's') continue
      types = table.columns.slice(1).map(({ type }) => type)
      const id = Number(change.text(0))
      const row = id % INSERTED
      if (kind === 'r') {
        all.loaded[row] = cells(change)
        all.texts[row] = types.map((_, i) => change.text(i + 1))
      } else if (kind === 'c' && id < UPDATED) all.inserted[row] = cells(change)
      else if (kind === 'u' && id >= UPDATED) all.updated[row] = cells(change)
      else if (kind === 'u') all.before[row] = types.map((_, i) => change.before(i + 1))
    }
  return { ...all, types }
}

function cells(change: ChangeView): string[] {
  return change.table.columns
    .slice(1)
    .map((_, i) => `${String.fromCharCode(change.tag(i + 1))}:${Buffer.from(change.cell(i + 1)).toString('hex')}`)
}
