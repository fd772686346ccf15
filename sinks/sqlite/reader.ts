import type { SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import type { SinkRow, Table } from '../../runtime/contract.ts'
import { keyFromTexts } from '../../runtime/record/key.ts'
import { type Database, quote } from './database.ts'
import { isLive } from './layout.ts'
import type { TableWriter } from './table-writer.ts'
import { textOfValue } from './values.ts'

const PAGE_ROWS = 1000

/** Reads rows back as the text they came as. Rows marked as deleted are not there. */
export class TableReader {
  readonly #database: Database
  readonly #table: Table
  readonly #writer: TableWriter
  /** Key columns, then every column of this version. */
  readonly #select: string
  readonly #live: string

  constructor(database: Database, table: Table, writer: TableWriter) {
    this.#database = database
    this.#table = table
    this.#writer = writer
    const { columns, key, name } = writer.layout
    const names = table.columns.map(column => columns.find(({ source }) => source === column.name)!.name)
    this.#select = `SELECT ${[...key, ...names].map(quote).join(', ')} FROM ${quote(name)}`
    this.#live = isLive(writer.layout)
  }

  get(keys: readonly Uint8Array[]): (SinkRow | undefined)[] {
    const isKey = this.#writer.layout.key.map(name => `${quote(name)} = ?`).join(' AND ')
    const statement = this.#prepare(`${this.#select} WHERE ${isKey} AND ${this.#live}`)
    return keys.map(key => {
      const values = statement.get(...this.#writer.keyValues(key)) as SQLOutputValue[] | undefined
      return values === undefined ? undefined : this.#row(values, key)
    })
  }

  /** All rows in key order; what changes meanwhile may be seen or not. */
  *pages(): Generator<SinkRow[]> {
    const key = this.#writer.layout.key.map(quote).join(', ')
    const marks = this.#writer.layout.key.map(() => '?').join(', ')
    const order = `ORDER BY ${key} LIMIT ${PAGE_ROWS}`
    let statement = this.#prepare(`${this.#select} WHERE ${this.#live} ${order}`)
    let after: SQLInputValue[] = []
    for (;;) {
      const rows = statement.all(...after) as unknown as SQLOutputValue[][]
      if (rows.length > 0) yield rows.map(values => this.#row(values))
      if (rows.length < PAGE_ROWS) return
      if (after.length === 0)
        statement = this.#prepare(`${this.#select} WHERE (${key}) > (${marks}) AND ${this.#live} ${order}`)
      after = rows.at(-1)!.slice(0, this.#writer.layout.key.length)
    }
  }

  #prepare(sql: string): StatementSync {
    const statement = this.#database.prepare(sql)
    statement.setReadBigInts(true)
    statement.setReturnArrays(true)
    return statement
  }

  #row(values: readonly SQLOutputValue[], key?: Uint8Array): SinkRow {
    const { columns, key: keyColumns } = this.#table
    const keySize = this.#writer.layout.key.length
    const cells = new Map(columns.map((column, i) => [column.name, textOfValue(column, values[keySize + i]!)]))
    if (key !== undefined) return { key, cells }
    const texts =
      keyColumns.length === 0
        ? values.slice(0, keySize).map(String)
        : keyColumns.map((column, i) => textOfValue(columns[column]!, values[i]!)!)
    return { key: keyFromTexts(texts), cells }
  }
}
