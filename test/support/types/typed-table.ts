/** Every value of some types, read by load and by stream. */
import type { PostgresServer } from '../postgres.ts'
import { openSource, runSource } from '../source-run.ts'
import { type Arrived, arrived } from './arrived.ts'
import { entriesOf } from './entries.ts'
import type { TypeCase } from './type-case.ts'

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
  const places = { inserted: INSERTED, updated: UPDATED }
  return await arrived(run, places, () => openSource(options), 'app.public.types')
}
