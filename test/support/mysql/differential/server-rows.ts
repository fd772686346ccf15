/** Rows as the server itself prints them, brought to the form of the log's cells by means of SQL. */

import { quoteTable } from '../../../../connectors/mysql/quote.ts'
import { parseDeclared } from '../../../../connectors/mysql/values/declared.ts'
import { isBytes } from '../../../../connectors/mysql/values/logical-type.ts'
import type { Column, Table } from '../../../../runtime/contract.ts'
import { floatText } from '../../../../runtime/record/mysql-float.ts'
import type { MysqlServer } from '../server.ts'

/** Rows of a table as it is now; its columns are those of `table`, or the answer says how they differ. */
export async function serverRows(server: MysqlServer, table: Table): Promise<(string | null)[][]> {
  const names = table.columns.map((_, i) => `v${i}`)
  const list = table.columns.map((column, i) => `${expression(column)} AS v${i}`).join(', ')
  const connection = await server.connect()
  try {
    await connection.query("SET SESSION time_zone = '+00:00', sql_mode = ''")
    const [rows] = await connection.query(`SELECT ${list} FROM ${quoteTable(table)}`)
    return (rows as Record<string, string | null>[]).map(row =>
      names.map((name, i) => cell(row[name] ?? null, table.columns[i]!)),
    )
  } finally {
    await connection.end()
  }
}

/** Names and types of the columns that a table of the server has now. */
export async function serverColumns(server: MysqlServer, { schema, table }: Table): Promise<string[]> {
  const rows = await server.query(
    `SELECT COLUMN_NAME AS name FROM information_schema.COLUMNS
     WHERE TABLE_SCHEMA = '${schema}' AND TABLE_NAME = '${table}' ORDER BY ORDINAL_POSITION`,
  )
  return rows.map(({ name }) => name!)
}

function expression({ name, declared }: Column): string {
  const quoted = `\`${name}\``
  const type = parseDeclared(declared)
  if (isBytes(declared) || type.name === 'vector') return `LOWER(HEX(${quoted}))`
  switch (type.name) {
    case 'bit':
      return `LPAD(BIN(${quoted} + 0), ${type.numbers[0] ?? 1}, '0')`
    case 'float':
    case 'double':
      return `${quoted} * 1e0`
    case 'year':
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int':
    case 'bigint':
    case 'decimal':
      // Without the zeros of ZEROFILL.
      return `CAST(${quoted} AS ${type.name === 'decimal' ? `DECIMAL(${type.numbers.join(', ')})` : type.unsigned || type.name === 'year' ? 'UNSIGNED' : 'SIGNED'})`
    default:
      return quoted
  }
}

function cell(text: string | null, { declared }: Column): string | null {
  if (text === null) return null
  if (isBytes(declared)) return `\\x${text}`
  switch (parseDeclared(declared).name) {
    case 'timestamp':
      return text.startsWith('0000-00-00') ? text : `${text}+00`
    case 'float':
      return floatText(Math.fround(Number(text)))
    case 'vector': {
      const bytes = Buffer.from(text, 'hex')
      return `{${Array.from({ length: bytes.length / 4 }, (_, i) => floatText(bytes.readFloatLE(4 * i))).join(',')}}`
    }
    default:
      return text
  }
}
