import type { SQLInputValue, StatementSync } from 'node:sqlite'
import type { ChangeView, LoggedChange, Table } from '../../runtime/contract.ts'
import { keyTexts } from '../../runtime/record/key.ts'
import { type Database, quote } from './database.ts'
import { type Layout, Own } from './layout.ts'
import { type Binder, binderOf, converterOf, isAbsent } from './values.ts'

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
  readonly #keyConverters: readonly (((text: string) => SQLInputValue) | undefined)[]
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
    const columns = table.columns.map(column => layout.columns.find(({ source }) => source === column.name)!)
    this.#names = columns.map(({ name }) => name)
    this.#binders = columns.map(({ storage }, i) => binderOf(table.columns[i]!, storage))
    this.#keyConverters = table.key.map(i => converterOf(table.columns[i]!, columns[i]!.storage))
    const isKey = layout.key.map(name => `${quote(name)} = ?`).join(' AND ')
    this.#upsert = this.#prepareUpsert(this.#names)
    this.#delete = database.prepare(`DELETE FROM ${quote(layout.name)} WHERE ${isKey}`)
    const marks = layout.columns.some(column => column.source === undefined && column.name === Own.deleted)
    if (marks)
      this.#mark = database.prepare(`UPDATE ${quote(layout.name)} SET ${quote(Own.deleted)} = 1 WHERE ${isKey}`)
  }

  #prepareUpsert(names: readonly string[]): StatementSync {
    const { name, key, columns } = this.layout
    const own = this.#table.key.length === 0 ? key : []
    const given = [...own, ...names]
    const updates = names.filter(each => !key.includes(each)).map(each => `${quote(each)} = excluded.${quote(each)}`)
    if (columns.some(column => column.source === undefined && column.name === Own.deleted))
      updates.push(`${quote(Own.deleted)} = 0`)
    const conflict = updates.length === 0 ? 'DO NOTHING' : `DO UPDATE SET ${updates.join(', ')}`
    return this.#database.prepare(
      `INSERT INTO ${quote(name)} (${given.map(quote).join(', ')}) VALUES (${given.map(() => '?').join(', ')})
       ON CONFLICT (${key.map(quote).join(', ')}) ${conflict}`,
    )
  }

  apply(change: LoggedChange): void {
    if (change.kind === 'd') this.#remove(change)
    else if (change.complete) this.#upsert.run(...this.#values(change))
    else this.#applyPresent(change)
  }

  #values(change: LoggedChange): SQLInputValue[] {
    const values: SQLInputValue[] = this.#table.key.length === 0 ? [this.#log, change.version] : []
    for (let i = 0; i < this.#binders.length; i++) values.push(this.#binders[i]!(change, i))
    return values
  }

  /** Only the columns that the change carries: the others keep what they hold. */
  #applyPresent(change: LoggedChange): void {
    const present = this.#names.flatMap((_, i) => (isAbsent(change, i) ? [] : [i]))
    const id = present.join()
    let statement = this.#partial.get(id)
    if (statement === undefined) {
      if (this.#partial.size === MOST_PARTIAL) this.#partial.clear()
      statement = this.#prepareUpsert(present.map(i => this.#names[i]!))
      this.#partial.set(id, statement)
    }
    const own = this.#table.key.length === 0 ? [this.#log, change.version] : []
    statement.run(...own, ...present.map(i => this.#binders[i]!(change, i)))
  }

  #remove(change: ChangeView): void {
    // The old key of a moved row is not a deleted row: it is gone whatever becomes of deletes.
    if (this.#onDelete === 'ignore' && change.moved === undefined) return
    const statement = this.#onDelete === 'mark' ? this.#mark! : this.#delete
    statement.run(...this.keyValues(change.key))
  }

  /** What the key's columns hold in the database. */
  keyValues(key: Uint8Array): SQLInputValue[] {
    const texts = keyTexts(key)
    if (this.#table.key.length === 0) return [texts[0]!, BigInt(texts[1]!)]
    return texts.map((text, i) => this.#keyConverters[i]?.(text) ?? text)
  }
}
