import { type Database, quote } from './database.ts'
import type { Layout } from './layout.ts'

/**
 * The full-text index of a table: an FTS5 table `<table>_search` over chosen columns, without a copy of the text. Its
 * rows are numbered as the table's, so a search is joined by row number. Triggers keep it in step, also with changes
 * made by hand: https://www.sqlite.org/fts5.html#external_content_tables
 */
export function searchName(table: string): string {
  return `${table}_search`
}

export function createSearch(database: Database, layout: Layout): void {
  const { name, rowid, search } = layout
  if (search.length === 0) return
  const columns = search.map(quote).join(', ')
  const content = `content=${literal(name)}, content_rowid=${literal(rowid!)}`
  database.exec(
    `CREATE VIRTUAL TABLE ${quote(searchName(name))} USING fts5(${columns}, ${content}, tokenize='unicode61 remove_diacritics 2')`,
  )
  createTriggers(database, layout)
}

/** Indexes every row of the table. */
export function rebuildSearch(database: Database, { name, search }: Layout): void {
  if (search.length > 0) command(database, name, 'rebuild')
}

export function dropSearch(database: Database, name: string): void {
  dropTriggers(database, name)
  database.exec(`DROP TABLE IF EXISTS ${quote(searchName(name))}`)
}

/** Removes all rows of the table and of its index, without going through them one by one. */
export function deleteAllRows(database: Database, layout: Layout): void {
  const { name, search } = layout
  if (search.length > 0) dropTriggers(database, name)
  database.exec(`DELETE FROM ${quote(name)}`)
  if (search.length === 0) return
  command(database, name, 'delete-all')
  createTriggers(database, layout)
}

function command(database: Database, table: string, text: 'rebuild' | 'delete-all'): void {
  const name = quote(searchName(table))
  database.exec(`INSERT INTO ${name}(${name}) VALUES (${literal(text)})`)
}

function createTriggers(database: Database, { name, rowid, search }: Layout): void {
  const index = quote(searchName(name))
  const columns = [rowid!, ...search].map(quote)
  const into = `${index}(rowid, ${search.map(quote).join(', ')})`
  const add = `INSERT INTO ${into} VALUES (${columns.map(column => `new.${column}`).join(', ')});`
  const outOf = `${index}(${index}, rowid, ${search.map(quote).join(', ')})`
  const remove = `INSERT INTO ${outOf} VALUES ('delete', ${columns.map(column => `old.${column}`).join(', ')});`
  const changed = columns.map(column => `old.${column} IS NOT new.${column}`).join(' OR ')
  const on = (event: string): string => `CREATE TRIGGER ${quote(triggerName(name, event))} AFTER`
  database.exec(`${on('insert')} INSERT ON ${quote(name)} BEGIN ${add} END`)
  database.exec(`${on('delete')} DELETE ON ${quote(name)} BEGIN ${remove} END`)
  database.exec(`${on('update')} UPDATE ON ${quote(name)} WHEN ${changed} BEGIN ${remove} ${add} END`)
}

function dropTriggers(database: Database, name: string): void {
  for (const event of ['insert', 'delete', 'update'])
    database.exec(`DROP TRIGGER IF EXISTS ${quote(triggerName(name, event))}`)
}

function triggerName(table: string, event: string): string {
  return `${searchName(table)}_${event}`
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
