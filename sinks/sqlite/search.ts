import type { SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import { type Database, quote } from './database.ts'
import { isLive, type Layout } from './layout.ts'

/**
 * The full-text index of a table: an FTS5 table `<table>_search` over chosen columns, whose rows have the row numbers
 * of the table's, so that a search is joined by `rowid`. It keeps its own copy of the text, so that changes made to the
 * table by hand cannot put it out of order. It is written by statements, not by triggers: FTS5 flushes
 * its buffers at each savepoint, and a trigger opens one per row (five times slower).
 */
export function searchName(table: string): string {
  return `${table}_search`
}

/** Makes the index and puts every row in it that the table has. */
export function createSearch(database: Database, layout: Layout): void {
  const { name, rowid, search } = layout
  if (search.length === 0) return
  const index = quote(searchName(name))
  const columns = search.map(quote)
  database.exec(
    `CREATE VIRTUAL TABLE ${index} USING fts5(${columns.join(', ')}, tokenize='unicode61 remove_diacritics 2')`,
  )
  // Merging more, smaller segments at a time halves what merging costs while a table is built.
  for (const [option, value] of Object.entries(TUNING))
    database.exec(`INSERT INTO ${index}(${index}, rank) VALUES ('${option}', ${value})`)
  const texts = columns.map(column => `CAST(${column} AS TEXT)`)
  database.exec(
    `INSERT INTO ${index}(rowid, ${columns.join(', ')})
     SELECT ${quote(rowid!)}, ${texts.join(', ')} FROM ${quote(name)} WHERE ${isLive(layout)}`,
  )
}

const TUNING = { hashsize: 8 * 1024 * 1024, automerge: 8 } as const

export function dropSearch(database: Database, name: string): void {
  database.exec(`DROP TABLE IF EXISTS ${quote(searchName(name))}`)
}

/** Removes all rows of the table and of its index, without going through them one by one. */
export function deleteAllRows(database: Database, layout: Layout): void {
  database.exec(`DELETE FROM ${quote(layout.name)}`)
  if (layout.search.length === 0) return
  dropSearch(database, layout.name)
  createSearch(database, layout)
}

/** Words of former rows are in the index until its parts are merged: this makes it anew of what it holds. */
export function rebuildSearch(database: Database, { name, search }: Layout): void {
  const index = quote(searchName(name))
  if (search.length > 0) database.exec(`INSERT INTO ${index}(${index}) VALUES ('rebuild')`)
}

/** A row as it stands in table and index. */
export interface IndexedRow {
  readonly rowid: SQLOutputValue
  /** False for a row that is marked as deleted: it is not in the index. */
  readonly isLive: boolean
  /** Of the searched columns. */
  readonly values: readonly SQLOutputValue[]
}

/** Keeps the index in step with single rows. */
export class SearchIndex {
  readonly #find: StatementSync
  readonly #put: StatementSync
  readonly #remove: StatementSync

  constructor(database: Database, layout: Layout) {
    const { name, key, rowid, search } = layout
    const index = quote(searchName(name))
    const columns = search.map(quote).join(', ')
    const isKey = key.map(each => `${quote(each)} = ?`).join(' AND ')
    this.#find = database.prepare(
      `SELECT ${quote(rowid!)}, ${isLive(layout)}, ${columns} FROM ${quote(name)} WHERE ${isKey}`,
    )
    this.#find.setReadBigInts(true)
    this.#find.setReturnArrays(true)
    const places = search.map(() => '?').join(', ')
    this.#put = database.prepare(`INSERT OR REPLACE INTO ${index}(rowid, ${columns}) VALUES (?, ${places})`)
    this.#remove = database.prepare(`DELETE FROM ${index} WHERE rowid = ?`)
  }

  /** The row before a change; undefined if there is none to be found. */
  find(key: readonly SQLInputValue[]): IndexedRow | undefined {
    const row = this.#find.get(...key) as unknown as SQLOutputValue[] | undefined
    return row === undefined ? undefined : { rowid: row[0]!, isLive: row[1] === 1n, values: row.slice(2) }
  }

  put(rowid: SQLOutputValue, texts: readonly (string | null)[]): void {
    this.#put.run(rowid, ...texts)
  }

  remove(rowid: SQLOutputValue): void {
    this.#remove.run(rowid)
  }
}
