import type { DemoClient, SourceRows } from '../database.ts'
import { Rows, type TableShape } from '../rows.ts'
import { SHOP_KEYS, SHOP_TABLES, type ShopTable } from '../shop.ts'

/** By MySQL's name for a type: the one by which the sinks know how to turn a value back into text. */
const TYPES: Readonly<Record<string, string>> = {
  varbinary: 'bytea',
  timestamp: 'timestamp with time zone',
  double: 'double precision',
}

/** Reads in one snapshot; values as Tailrace has them. */
export async function readSource(client: DemoClient): Promise<SourceRows> {
  await client.query("set session time_zone = '+00:00', sql_mode = ''")
  await client.query('set session transaction isolation level repeatable read')
  await client.query('start transaction with consistent snapshot, read only')
  const tables: Rows[] = []
  for (const table of SHOP_TABLES) tables.push(await readTable(client, table))
  return { position: await position(client), tables }
}

async function readTable(client: DemoClient, table: ShopTable): Promise<Rows> {
  const shape = await readShape(client, table)
  const list = shape.columns.map(({ name, type }, i) => `${printed(`\`${name}\``, type)} c${i}`)
  const { rows } = await client.query(`select ${list.join(', ')} from ${table}`)
  const all = new Rows(shape)
  for (const row of rows) all.add(Object.values(row))
  return all
}

function printed(name: string, type: string): string {
  if (type === 'bytea') return `concat('\\\\x', lower(hex(${name})))`
  return type === 'timestamp with time zone' ? `concat(${name}, '+00')` : name
}

async function readShape(client: DemoClient, table: ShopTable): Promise<TableShape> {
  const { rows } = await client.query(
    `select column_name name, data_type type from information_schema.columns
     where table_schema = database() and table_name = ? order by ordinal_position`,
    [table],
  )
  const columns = rows.map(({ name, type }) => ({ name: name!, type: TYPES[type!] ?? type! }))
  const key = SHOP_KEYS[table].map(name => columns.findIndex(column => column.name === name))
  return { table, columns, key }
}

async function position(client: DemoClient): Promise<string> {
  const { rows } = await client
    .query('show binary log status')
    // MariaDB, and MySQL before 8.2.
    .catch(() => client.query('show master status'))
  return `${rows[0]!.File}:${rows[0]!.Position}`
}
