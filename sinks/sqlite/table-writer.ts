import type { SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import type { ChangeView, LoggedChange, Table } from '../../runtime/contract.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import { type Database, LARGE_VALUE, quote } from './database.ts'
import { type KeyValues, keyValuesOf } from './key-values.ts'
import { hasMarks, type Layout, Own, placesOf } from './layout.ts'
import type { RowCells } from './row-cells.ts'
import { type IndexedRow, SearchIndex } from './search.ts'
import {
  type Binder,
  binderOf,
  isAbsent,
  LARGE_CELL,
  type LargeBinder,
  largeBinderOf,
  type Storage,
  textOfValue,
} from './values.ts'

/** Statements kept for rows that lack some of their columns or have large ones, by which. */
const MOST_SPECIAL = 64

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
  readonly #largeBinders: readonly LargeBinder[]
  /** By column: SQL of a value that is not bound. */
  readonly #largeSql: readonly string[]
  /** Places of the searched columns in the version; undefined where it has lost one. */
  readonly #searched: readonly (number | undefined)[]
  readonly #index: SearchIndex | undefined
  readonly #keyValues: KeyValues
  readonly #upsert: StatementSync
  readonly #special = new Map<string, StatementSync>()
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
    this.#largeBinders = columns.map(({ storage }, i) => largeBinderOf(table.columns[i]!, storage))
    this.#largeSql = columns.map(({ storage }) => largeSql(storage))
    this.#keyValues = keyValuesOf(table, columns)
    this.#searched = layout.search.map(name => {
      const place = this.#names.indexOf(name)
      return place === -1 ? undefined : place
    })
    this.#index = layout.search.length === 0 ? undefined : new SearchIndex(database, layout)
    const isKey = layout.key.map(name => `${quote(name)} = ?`).join(' AND ')
    this.#upsert = this.#prepareUpsert(
      this.#names,
      this.#names.map(() => '?'),
    )
    this.#delete = database.prepare(`DELETE FROM ${quote(layout.name)} WHERE ${isKey}`)
    if (hasMarks(layout))
      this.#mark = database.prepare(`UPDATE ${quote(layout.name)} SET ${quote(Own.deleted)} = 1 WHERE ${isKey}`)
  }

  #prepareUpsert(names: readonly string[], values: readonly string[]): StatementSync {
    const { name, key } = this.layout
    const own = this.#table.key.length === 0 ? key : []
    const given = [...own, ...names]
    const marks = [...own.map(() => '?'), ...values]
    const updates = names.filter(each => !key.includes(each)).map(each => `${quote(each)} = excluded.${quote(each)}`)
    if (hasMarks(this.layout)) updates.push(`${quote(Own.deleted)} = 0`)
    const conflict = updates.length === 0 ? 'DO NOTHING' : `DO UPDATE SET ${updates.join(', ')}`
    const statement = this.#database.prepare(
      `INSERT INTO ${quote(name)} (${given.map(quote).join(', ')}) VALUES (${marks.join(', ')})
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
    const large: number[] = []
    const largeValues: Uint8Array[] = []
    cell.open(change.cells)
    for (let i = 0; i < this.#binders.length; i++) {
      const tag = cell.next()
      if (tag === CellTag.absent) continue
      present?.push(i)
      const bytes = cell.size < LARGE_CELL ? undefined : this.#largeBinders[i]!(cell)
      if (bytes === undefined) values.push(tag === CellTag.null ? null : this.#binders[i]!(cell))
      else {
        values.push(largeValues.length)
        large.push(i)
        largeValues.push(bytes)
      }
    }
    if (large.length > 0) {
      const given = present ?? this.#names.map((_, i) => i)
      const rowid = this.#database.withLarge(largeValues, () => this.#putLarge(change, given, large, values))
      return this.#index === undefined ? undefined : rowid
    }
    const statement = present === undefined ? this.#upsert : this.#specialUpsert(present, large)
    if (this.#index !== undefined) return statement.run(...values).lastInsertRowid
    // Takes a tenth less, because it makes no object of the outcome.
    statement.get(...values)
    return undefined
  }

  /** What is there already is changed by a statement of its own: an upsert would copy the values once more. */
  #putLarge(
    change: LoggedChange,
    present: readonly number[],
    large: readonly number[],
    values: SQLInputValue[],
  ): number | bigint {
    const { key } = this.layout
    const isKeyed = this.#table.key.length > 0
    const changed = isKeyed ? present.filter(i => !key.includes(this.#names[i]!)) : []
    if (changed.length > 0) {
      const set = changed.map(i => `${quote(this.#names[i]!)} = ${large.includes(i) ? this.#largeSql[i]! : '?'}`)
      if (hasMarks(this.layout)) set.push(`${quote(Own.deleted)} = 0`)
      const isKey = key.map(name => `${quote(name)} = ?`).join(' AND ')
      const update = this.#database.prepare(`UPDATE ${quote(this.layout.name)} SET ${set.join(', ')} WHERE ${isKey}`)
      const parameters = changed.map(i => values[present.indexOf(i)]!)
      if (update.run(...parameters, ...this.#keyOf(change)).changes !== 0) return 0
    }
    return this.#specialUpsert(present, large).run(...values).lastInsertRowid
  }

  /** For rows that have only these columns, the others keep what they hold, or have large ones. */
  #specialUpsert(present: readonly number[], large: readonly number[]): StatementSync {
    const id = `${present.join()} ${large.join()}`
    let statement = this.#special.get(id)
    if (statement === undefined) {
      if (this.#special.size === MOST_SPECIAL) this.#special.clear()
      const values = present.map(i => (large.includes(i) ? this.#largeSql[i]! : '?'))
      statement = this.#prepareUpsert(
        present.map(i => this.#names[i]!),
        values,
      )
      this.#special.set(id, statement)
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

function largeSql(storage: Storage): string {
  return storage === 'BLOB' ? `${LARGE_VALUE}(?)` : `CAST(${LARGE_VALUE}(?) AS TEXT)`
}
