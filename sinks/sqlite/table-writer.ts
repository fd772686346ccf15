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
/** One statement for so many rows takes two thirds of what one for each takes; behind these numbers it is no less. */
const ROWS_TOGETHER = 16
const VALUES_TOGETHER = 256

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
  /** Values of a row that has all of its columns. */
  readonly #width: number
  /** Rows that go in by one statement. */
  readonly #together: number
  #upsertTogether: StatementSync | undefined
  /** Of rows that wait for others, and room for more: made once, and filled again and again. */
  readonly #values: SQLInputValue[]
  #filled = 0
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
    this.#upsert = this.#prepareUpsert(this.#names, this.#marks)
    this.#width = this.#names.length + (table.key.length === 0 ? layout.key.length : 0)
    this.#together = Math.max(1, Math.min(ROWS_TOGETHER, Math.floor(VALUES_TOGETHER / this.#width)))
    this.#values = Array(this.#width * this.#together).fill(null)
    this.#delete = database.prepare(`DELETE FROM ${quote(layout.name)} WHERE ${isKey}`)
    if (hasMarks(layout))
      this.#mark = database.prepare(`UPDATE ${quote(layout.name)} SET ${quote(Own.deleted)} = 1 WHERE ${isKey}`)
  }

  /** `values`: the SQL of each column's value. */
  #prepareUpsert(names: readonly string[], values: readonly string[], rows = 1): StatementSync {
    const { name, key } = this.layout
    const own = this.#table.key.length === 0 ? key : []
    const given = [...own, ...names]
    const row = `(${[...own.map(() => '?'), ...values].join(', ')})`
    const updates = names.filter(each => !key.includes(each)).map(each => `${quote(each)} = excluded.${quote(each)}`)
    if (hasMarks(this.layout)) updates.push(`${quote(Own.deleted)} = 0`)
    const conflict = updates.length === 0 ? 'DO NOTHING' : `DO UPDATE SET ${updates.join(', ')}`
    const statement = this.#database.prepare(
      `INSERT INTO ${quote(name)} (${given.map(quote).join(', ')}) VALUES ${Array(rows).fill(row).join(', ')}
       ON CONFLICT (${key.map(quote).join(', ')}) ${conflict}`,
    )
    // For the row number that `run` answers.
    if (this.#index !== undefined) statement.setReadBigInts(true)
    return statement
  }

  /**
   * `cell`: for the batch that the change is of. A row may wait for others until `settle`; what its table refuses is then
   * thrown for all of them.
   */
  apply(change: LoggedChange, cell: RowCells): void {
    const key = this.#index === undefined ? undefined : this.#keyOf(change)
    const before = key === undefined ? undefined : this.#index!.find(key)
    if (change.kind === 'd') this.#remove(change, before)
    else {
      const rowid = this.#write(change, cell)
      if (rowid !== undefined) this.#indexRow(change, before?.rowid ?? rowid, before)
    }
  }

  /** Writes the rows that wait. */
  settle(): void {
    const values = this.#values
    const filled = this.#filled
    this.#filled = 0
    // `get` takes a tenth less than `run`, because it makes no object of the outcome.
    for (let at = 0; at < filled; at += this.#width) this.#upsert.get(...values.slice(at, at + this.#width))
    values.fill(null, 0, filled)
  }

  /** Forgets the rows that wait. */
  drop(): void {
    this.#filled = 0
  }

  #writeFull(): void {
    if (this.#filled < this.#values.length) return
    this.#filled = 0
    this.#upsertTogether ??= this.#prepareUpsert(this.#names, this.#marks, this.#together)
    this.#upsertTogether.get(...this.#values)
    // They are not to be held until others come.
    this.#values.fill(null)
  }

  get #marks(): string[] {
    return this.#names.map(() => '?')
  }

  /** In searched tables it answers the row number, if the row is new. */
  #write(change: LoggedChange, cell: RowCells): number | bigint | undefined {
    const values = this.#values
    const from = this.#filled
    let at = from
    if (this.#table.key.length === 0) for (const value of this.#keyOf(change)) values[at++] = value
    const present: number[] | undefined = change.complete ? undefined : []
    const large: number[] = []
    const largeValues: Uint8Array[] = []
    cell.open(change.cells)
    for (let i = 0; i < this.#binders.length; i++) {
      const tag = cell.next()
      if (tag === CellTag.absent) continue
      present?.push(i)
      const bytes = cell.size < LARGE_CELL ? undefined : this.#largeBinders[i]!(cell)
      if (bytes === undefined) values[at++] = tag === CellTag.null ? null : this.#binders[i]!(cell)
      else {
        values[at++] = largeValues.length
        large.push(i)
        largeValues.push(bytes)
      }
    }
    if (present === undefined && large.length === 0 && this.#index === undefined) {
      this.#filled = at
      this.#writeFull()
      return undefined
    }
    const own = values.slice(from, at)
    this.settle()
    if (large.length > 0) {
      const given = present ?? this.#names.map((_, i) => i)
      const rowid = this.#database.withLarge(largeValues, () => this.#putLarge(change, given, large, own))
      return this.#index === undefined ? undefined : rowid
    }
    const statement = present === undefined ? this.#upsert : this.#specialUpsert(present, large)
    const { lastInsertRowid } = statement.run(...own)
    return this.#index === undefined ? undefined : lastInsertRowid
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
    this.settle()
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
