import postgres from '../../../sinks/postgres.ts'
import type { PostgresServer } from '../postgres.ts'
import { context, fill } from './fill-sink.ts'
import type { Form, Forms, TypedLog } from './sink-forms.ts'

/** How a person at the database sees what the log says: by default their settings would be the server's. */
const SESSION = `SET intervalstyle = 'iso_8601'; SET datestyle = 'ISO'; SET timezone = 'UTC'; SET bytea_output = 'hex';
  SET extra_float_digits = 1; SET lc_monetary = 'C'; SET search_path = ''`

/** The column's type and the value's text of PostgreSQL, of a database made for it. */
export async function postgresForms(server: PostgresServer, log: TypedLog): Promise<Forms> {
  const database = `forms_${log.id}_${Date.now().toString(36)}`
  const url = await server.createDatabase(database)
  const filled = await fill(await postgres.open(postgres.config.parse({ url }), context), log)
  const client = await server.connect(database)
  try {
    await client.query(SESSION)
    const { rows: columns } = await client.query<{ name: string; type: string }>(
      `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
       WHERE attrelid = 'public.types'::regclass AND attnum > 0`,
    )
    const types = new Map(columns.map(({ name, type }) => [name, type]))
    // Not cast to text: that prints some values otherwise.
    const names = [...types.keys()]
    const { rows } = await client.query<string[]>({ text: `SELECT ${names} FROM public.types`, rowMode: 'array' })
    const places = new Map(names.map((name, i) => [name, i]))
    const found = new Map(rows.map(row => [Number(row[places.get('id')!]), row]))
    const forms = log.places.map(({ row, column }): Form => {
      const name = `c${column}`
      // Where a later version of a row was refused, an earlier one without the value may be there.
      const text = found.get(row)?.[places.get(name)!] ?? null
      return text === null ? undefined : { type: types.get(name)!, text }
    })
    return { ...filled, forms }
  } finally {
    await client.end()
    await server.sql(`DROP DATABASE ${database} WITH (FORCE)`)
  }
}
