import { existsSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { errorMessage } from '../../runtime/errors.ts'
import type { SampledRow, SinkReader } from './sink-reader.ts'
import { columns, keyColumns, keyNumber, keyTexts, type TableName } from './tables.ts'

/** A `sqlite` sink's file, read beside its writer. */
export class SqliteReader implements SinkReader {
  readonly name = 'rows'
  readonly #path: string
  readonly #statements = new Map<TableName, StatementSync>()
  #database: DatabaseSync | undefined

  constructor(path: string) {
    this.#path = path
  }

  sample(table: TableName, keys: readonly number[]): Map<number, SampledRow | null> {
    const statement = this.#statement(table)
    const rows = new Map<number, SampledRow | null>()
    if (statement === undefined) return rows
    for (const key of keys) {
      const parameters = keyTexts(table, key).map((text, i) => (isNumber(table, i) ? BigInt(text) : text))
      const row = statement.get(...parameters) as { ver: number; body: string } | undefined
      rows.set(key, row === undefined ? null : { ver: row.ver, body: row.body })
    }
    return rows
  }

  /** Undefined while the sink has not made the table. */
  #statement(table: TableName): StatementSync | undefined {
    const known = this.#statements.get(table)
    if (known !== undefined || !existsSync(this.#path)) return known
    this.#database ??= new DatabaseSync(this.#path, { readOnly: true, timeout: 5000 })
    const where = keyColumns(table).map(name => `${name} = ?`)
    try {
      const statement = this.#database.prepare(`SELECT ver, body FROM public_${table} WHERE ${where.join(' AND ')}`)
      this.#statements.set(table, statement)
      return statement
    } catch (error) {
      if (errorMessage(error).includes('no such table')) return undefined
      throw error
    }
  }

  close(): void {
    this.#database?.close()
  }
}

function isNumber(table: TableName, column: number): boolean {
  return column === 0 && table !== 'by_text'
}

/** The current rows of a table, each as a JSON array of texts in the order of the oracle's columns. */
export function sqliteRows(path: string, table: TableName): Map<number, string> {
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
  try {
    const statement = database.prepare(`SELECT ${columns(table).join(', ')} FROM public_${table}`)
    statement.setReadBigInts(true)
    statement.setReturnArrays(true)
    const keys = keyColumns(table).length
    const rows = new Map<number, string>()
    for (const row of statement.iterate() as unknown as Iterable<SqliteValue[]>) {
      const texts = row.map((value, i) => textOf(value, columns(table)[i]!))
      rows.set(keyNumber(table, texts.slice(0, keys)), JSON.stringify(texts))
    }
    return rows
  } finally {
    database.close()
  }
}

type SqliteValue = bigint | number | string | Uint8Array | null

/** The text that PostgreSQL prints for what the sink stored. */
function textOf(value: SqliteValue, column: string): string | null {
  if (value === null || typeof value === 'string') return value
  if (column === 'flag') return value === 1n ? 't' : 'f'
  return typeof value === 'object' ? `\\x${Buffer.from(value).toString('hex')}` : String(value)
}
