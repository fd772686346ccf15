import pg from 'pg'
import type { SourceRows } from '../database.ts'
import { Rows, type TableShape } from '../rows.ts'
import { SHOP_KEYS, SHOP_TABLES, type ShopTable } from '../shop.ts'

/** The session settings under which Tailrace reads: text that the server prints depends on them. */
const SESSION = '-c datestyle=ISO -c intervalstyle=iso_8601 -c bytea_output=hex -c timezone=UTC -c extra_float_digits=1'

const asPrinted = { getTypeParser: () => (text: string) => text }

export async function readSource(url: string): Promise<SourceRows> {
  const client = new pg.Client({
    connectionString: url,
    options: SESSION,
    application_name: 'demo comparison',
    types: asPrinted,
  })
  await client.connect()
  try {
    await client.query('begin isolation level repeatable read read only')
    const { rows } = await client.query<{ lsn: string }>('select pg_current_wal_lsn() lsn')
    const tables: Rows[] = []
    for (const table of SHOP_TABLES) tables.push(await readTable(client, table))
    return { position: rows[0]!.lsn, tables }
  } finally {
    await client.end()
  }
}

async function readTable(client: pg.Client, table: ShopTable): Promise<Rows> {
  const shape = await readShape(client, table)
  const result = await client.query<(string | null)[]>({
    text: `select ${shape.columns.map(({ name }) => client.escapeIdentifier(name)).join(', ')} from public.${table}`,
    rowMode: 'array',
  })
  const rows = new Rows(shape)
  for (const row of result.rows) rows.add(row)
  return rows
}

async function readShape(client: pg.Client, table: ShopTable): Promise<TableShape> {
  const { rows: columns } = await client.query<{ name: string; type: string }>(
    `select attname "name", format_type(atttypid, null) "type" from pg_attribute
     where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum`,
    [`public.${table}`],
  )
  const key = SHOP_KEYS[table].map(name => columns.findIndex(column => column.name === name))
  return { table, columns, key }
}
