import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import { type Cell, Rows, type TableShape } from './rows.ts'

/** The rows of a sqlite sink, read with SQL as anybody would read them. */

export function readSqlite(path: string, shape: TableShape): Rows {
  using database = openSqlite(path, { readOnly: true })
  const rows = new Rows(shape)
  const statement = database.prepare(`select * from "${sqliteTable(shape.table)}"`)
  statement.setReadBigInts(true)
  for (const row of statement.iterate()) rows.add(shape.columns.map(({ name, type }) => cellText(type, row[name])))
  return rows
}

export function openSqlite(path: string, options: { readOnly: boolean }): DatabaseSync {
  return new DatabaseSync(path, { ...options, timeout: 5000 })
}

/** Where the sink puts a table of the shop. */
export function sqliteTable(table: string): string {
  return `public_${table}`
}

/** Back to what PostgreSQL prints for a column of this type. */
function cellText(type: string, value: SQLOutputValue | undefined): Cell {
  if (value === null || value === undefined) return value
  if (typeof value === 'object') return `\\x${Buffer.from(value).toString('hex')}`
  if (type === 'boolean') return value === 1n ? 't' : value === 0n ? 'f' : String(value)
  return String(value)
}
