import { existsSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { errorMessage } from '../../runtime/errors.ts'
import type { SampledRow, SinkReader } from './sink-reader.ts'
import { keyColumns, keyTexts, type TableName } from './tables.ts'

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
