import type { SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import type { Column, SinkRow, Table } from '../../runtime/contract.ts'
import { keyFromTexts } from '../../runtime/record/key.ts'
import { RowPage } from '../../runtime/record/row-pages.ts'
import { type Database, quote } from './database.ts'
import { type KeyValues, keyValuesOf } from './key-values.ts'
import { isLive, type Layout, placesOf } from './layout.ts'
import { textOfValue } from './values.ts'

/** Rows that are looked up at a time: each look at the file costs as much as half of a row. */
const TOGETHER = 32

/** Reads rows back as the text they came as. Rows marked as deleted are not there. */
export class TableReader {
  readonly #database: Database
  readonly #table: Table
  readonly #layout: Layout
  readonly #keyValues: KeyValues
  /** Those of this version that the database has. */
  readonly #columns: readonly Column[]
  /** Key columns, then `#columns`. */
  readonly #select: string

  constructor(database: Database, table: Table, layout: Layout) {
    this.#database = database
    this.#table = table
    this.#layout = layout
    const places = placesOf(layout, table)
    this.#keyValues = keyValuesOf(table, places)
    this.#columns = table.columns.filter((_, i) => places[i] !== undefined)
    const names = places.flatMap(place => place?.name ?? [])
    this.#select = `SELECT ${[...layout.key, ...names].map(quote).join(', ')} FROM ${quote(layout.name)}`
  }

  *get(keys: readonly Uint8Array[]): Generator<SinkRow | undefined> {
    const isKey = this.#layout.key.map(name => `${quote(name)} = ?`).join(' AND ')
    const statement = this.#prepare(`${this.#select} WHERE ${isKey} AND ${isLive(this.#layout)}`)
    const rowOf = (key: Uint8Array): SinkRow | undefined => {
      const values = statement.get(...this.#keyValues(key))
      return values === undefined ? undefined : { key, cells: this.#cells(values as unknown as SQLOutputValue[]) }
    }
    for (let at = 0; at < keys.length; at += TOGETHER)
      yield* this.#database.read(() => keys.slice(at, at + TOGETHER).map(rowOf))
  }

  /** All rows in key order, each page as the table is when it is asked for. */
  *pages(): Generator<SinkRow[]> {
    const key = this.#layout.key.map(quote).join(', ')
    const marks = this.#layout.key.map(() => '?').join(', ')
    const live = isLive(this.#layout)
    let statement = this.#prepare(`${this.#select} WHERE ${live} ORDER BY ${key}`)
    let after: SQLInputValue[] = []
    for (;;) {
      const { rows, last } = this.#database.read(() => this.#page(statement, after))
      if (rows.length > 0) yield rows
      if (last === undefined) return
      if (after.length === 0)
        statement = this.#prepare(`${this.#select} WHERE (${key}) > (${marks}) AND ${live} ORDER BY ${key}`)
      after = last
    }
  }

  /** `last`: the key that more may follow. The statement has ended when it returns: nothing holds the table. */
  #page(statement: StatementSync, after: readonly SQLInputValue[]): { rows: SinkRow[]; last?: SQLInputValue[] } {
    const page = new RowPage()
    for (const row of statement.iterate(...after)) {
      const values = row as unknown as SQLOutputValue[]
      if (page.add({ key: this.#keyOf(values), cells: this.#cells(values) }))
        return { rows: page.take(), last: values.slice(0, this.#layout.key.length) }
    }
    return { rows: page.take() }
  }

  #prepare(sql: string): StatementSync {
    const statement = this.#database.prepare(sql)
    statement.setReadBigInts(true)
    statement.setReturnArrays(true)
    return statement
  }

  #cells(values: readonly SQLOutputValue[]): Map<string, string | null> {
    const first = this.#layout.key.length
    return new Map(this.#columns.map((column, i) => [column.name, textOfValue(column, values[first + i]!)]))
  }

  #keyOf(values: readonly SQLOutputValue[]): Uint8Array {
    const { columns, key } = this.#table
    if (key.length === 0) return keyFromTexts(values.slice(0, this.#layout.key.length).map(String))
    return keyFromTexts(key.map((column, i) => textOfValue(columns[column]!, values[i]!)!))
  }
}
