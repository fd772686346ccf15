import type { SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import type { ChangeView, LoggedChange, Table } from '../../runtime/contract.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import { type Database, quote } from './database.ts'
import { type KeyValues, keyValuesOf } from './key-values.ts'
import { hasMarks, type Layout, Own, placesOf } from './layout.ts'
import type { RowCells } from './row-cells.ts'
import { type IndexedRow, SearchIndex } from './search.ts'
import { type Binder, binderOf, isAbsent, textOfValue } from './values.ts'

/** Statements kept for rows that lack some of their columns, by which they have. */
const MOST_PARTIAL = 64

/** Writes the rows of one version of a table. */
export class TableWriter {
  readonly layout: Layout
  readonly #database: Database
  readonly #table: Table
  readonly #log: string
  readonly #onDelete: 'delete' | 'mark' | 'ignore'
  /** Of each column of the version: its name in the database and how its values are bound. */
  readonly #names: readonly string[]
  readonly #binders: readonly Binder[]
  /** Places of the searched columns in the version; undefined where it has lost one. */
  readonly #searched: readonly (number | undefined)[]
  readonly #index: SearchIndex | undefined
  readonly #keyValues: KeyValues
  readonly #upsert: StatementSync
  readonly #partial = new Map<string, StatementSync>()
  readonly #delete: StatementSync
  readonly #mark: StatementSync | undefined

  constructor(database: Database, table: Table, layout: Layout, log: string, onDelete: 'delete' | 'mark' | 'ignore') {
    this.layout = layout
    this.#database = database
    this.#table = table
    this.#log = log
    this.#onDelete = onDelete
    const columns = placesOf(layout, table).map(column => column!)
    this.#names = columns.map(({ name }) => name)
    this.#binders = columns.map(({ storage }, i) => binderOf(table.columns[i]!, storage))
    this.#keyValues = keyValuesOf(table, columns)
    this.#searched = layout.search.map(name => {
      const place = this.#names.indexOf(name)
      return place === -1 ? undefined : place
    })
    this.#index = layout.search.length === 0 ? undefined : new SearchIndex(database, layout)
    const isKey = layout.key.map(name => `${quote(name)} = ?`).join(' AND ')
    this.#upsert = this.#prepareUpsert(this.#names)
    this.#delete = database.prepare(`DELETE FROM ${quote(layout.name)} WHERE ${isKey}`)
    if (hasMarks(layout))
      this.#mark = database.prepare(`UPDATE ${quote(layout.name)} SET ${quote(Own.deleted)} = 1 WHERE ${isKey}`)
  }

  #prepareUpsert(names: readonly string[]): StatementSync {
    const { name, key } = this.layout
    const own = this.#table.key.length === 0 ? key : []
    const given = [...own, ...names]
    const updates = names.filter(each => !key.includes(each)).map(each => `${quote(each)} = excluded.${quote(each)}`)
    if (hasMarks(this.layout)) updates.push(`${quote(Own.deleted)} = 0`)
    const conflict = updates.length === 0 ? 'DO NOTHING' : `DO UPDATE SET ${updates.join(', ')}`
    const statement = this.#database.prepare(
      `INSERT INTO ${quote(name)} (${given.map(quote).join(', ')}) VALUES (${given.map(() => '?').join(', ')})
       ON CONFLICT (${key.map(quote).join(', ')}) ${conflict}`,
    )
    // For the row number that `run` answers.
    if (this.#index !== undefined) statement.setReadBigInts(true)
    return statement
  }

  /** `cell`: for the batch that the change is of. */
  apply(change: LoggedChange, cell: RowCells): void {
    const key = this.#index === undefined ? undefined : this.#keyOf(change)
    const before = key === undefined ? undefined : this.#index!.find(key)
    if (change.kind === 'd') this.#remove(change, before)
    else {
      const rowid = this.#put(change, cell)
      if (rowid !== undefined) this.#indexRow(change, before?.rowid ?? rowid, before)
    }
  }

  /** In searched tables it answers the row number, if the row is new. */
  #put(change: LoggedChange, cell: RowCells): number | bigint | undefined {
    const values = this.#table.key.length === 0 ? this.#keyOf(change) : []
    const present: number[] | undefined = change.complete ? undefined : []
    cell.open(change.cells)
    for (let i = 0; i < this.#binders.length; i++) {
      const tag = cell.next()
      if (tag === CellTag.absent) continue
      values.push(tag === CellTag.null ? null : this.#binders[i]!(cell))
      present?.push(i)
    }
    const statement = present === undefined ? this.#upsert : this.#partialUpsert(present)
    if (this.#index !== undefined) return statement.run(...values).lastInsertRowid
    // Takes a tenth less, because it makes no object of the outcome.
    statement.get(...values)
    return undefined
  }

  /** For rows that have only these columns: the others keep what they hold. */
  #partialUpsert(present: readonly number[]): StatementSync {
    const id = present.join()
    let statement = this.#partial.get(id)
    if (statement === undefined) {
      if (this.#partial.size === MOST_PARTIAL) this.#partial.clear()
      statement = this.#prepareUpsert(present.map(i => this.#names[i]!))
      this.#partial.set(id, statement)
    }
    return statement
  }

  /** Does nothing if no searched column changed. */
  #indexRow(change: LoggedChange, rowid: SQLOutputValue, before: IndexedRow | undefined): void {
    let isChanged = before?.isLive !== true
    const texts = this.#searched.map((place, i) => {
      const former = before === undefined ? null : this.#formerText(place, before.values[i]!)
      if (place === undefined || isAbsent(change, place)) return former
      const text = change.text(place)
      if (text !== former) isChanged = true
      return text
    })
    if (isChanged) this.#index!.put(rowid, texts)
  }

  #formerText(place: number | undefined, value: SQLOutputValue): string | null {
    if (place !== undefined) return textOfValue(this.#table.columns[place]!, value)
    return value === null ? null : String(value)
  }

  #remove(change: ChangeView, before: IndexedRow | undefined): void {
    // The old key of a moved row is not a deleted row: it is gone whatever becomes of deletes.
    if (this.#onDelete === 'ignore' && change.moved === undefined) return
    const statement = this.#onDelete === 'mark' ? this.#mark! : this.#delete
    statement.run(...this.#keyValues(change.key))
    if (before !== undefined) this.#index!.remove(before.rowid)
  }

  #keyOf(change: LoggedChange): SQLInputValue[] {
    return this.#table.key.length === 0 ? [this.#log, change.version] : this.#keyValues(change.key)
  }
}
