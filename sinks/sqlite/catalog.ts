import type { Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import type { Names } from '../../runtime/naming.ts'
import { type Database, quote } from './database.ts'
import { createTable, defaultOf, type Layout, layOut, onlyAddsColumns } from './layout.ts'
import { createSearch, dropSearch, searchName } from './search.ts'

/** Who writes a table: one source of one sink of one pipeline. */
export interface Owner {
  readonly pipeline: string
  readonly sink: string
  readonly source: string
}

export interface CatalogOptions {
  readonly names: Names
  /** What the names of a hidden generation's tables begin with (runtime/generation.ts). */
  readonly prefix: string
  /** By full name of the source's table: the columns to index. */
  readonly search: ReadonlyMap<string, readonly string[]>
  /** Deleted rows are marked. */
  readonly marks: boolean
}

export const CATALOG = '_tailrace_tables'

/**
 * The tables that the sink made, remembered in `_tailrace_tables` beside them. Everything here runs inside the
 * caller's transaction: if that does not commit, nothing was made.
 */
export class Catalog {
  readonly #database: Database
  readonly #owner: Owner
  readonly #options: CatalogOptions

  constructor(database: Database, owner: Owner, options: CatalogOptions) {
    this.#database = database
    this.#owner = owner
    this.#options = options
  }

  static create(database: Database): void {
    database.exec(
      `CREATE TABLE IF NOT EXISTS ${CATALOG} (name TEXT PRIMARY KEY, pipeline TEXT, sink TEXT, source TEXT,
       source_table TEXT, incarnation INTEGER, layout TEXT) STRICT`,
    )
  }

  /** True if every table of the owner still stands in the database. */
  get isWhole(): boolean {
    const missing = this.#database.prepare(
      `SELECT count(*) AS n FROM ${CATALOG} c WHERE pipeline = ? AND sink = ? AND source = ?
       AND NOT EXISTS (SELECT 1 FROM sqlite_schema s WHERE s.type = 'table' AND s.name = c.name)`,
    )
    return missing.get(...this.#ownerValues())!.n === 0
  }

  #ownerValues(): [string, string, string] {
    const { pipeline, sink, source } = this.#owner
    return [pipeline, sink, source]
  }

  /** Drops every table of the owner. */
  dropAll(): void {
    dropTables(this.#database, this.#owner)
  }

  /**
   * Makes or widens the database's table so that it can hold this version; undefined if the table has begun a later
   * life already. Throws NAME_COLLISION, SEARCH_COLUMN.
   */
  ensure(table: Table): Layout | undefined {
    const { names, search, marks } = this.#options
    const name = this.#nameOf(table)
    const known = this.#known(name, table)
    if (known !== undefined && known.incarnation > table.incarnation) return undefined
    const before = known?.incarnation === table.incarnation ? known.layout : undefined
    if (known !== undefined && before === undefined) dropTable(this.#database, name)
    const searched = search.get(table.name) ?? []
    const layout = layOut(table, name, searched, marks, before)
    checkSearch(table, searched, layout)
    if (layout.search.length > 0) names.claim(searchName(names.of(table)), `the index of ${table.name}`)
    if (before !== undefined && JSON.stringify(before) === JSON.stringify(layout)) return layout
    if (before === undefined) this.#create(layout)
    else this.#change(before, layout)
    this.#save(table, layout)
    return layout
  }

  /** How the table stands, without making or changing it; undefined if there is none, or of another incarnation. */
  find(table: Table): Layout | undefined {
    const known = this.#known(this.#nameOf(table), table)
    if (known?.incarnation !== table.incarnation) return undefined
    const { layout } = known
    return table.key.every(i => hasColumn(layout, table.columns[i]!.name)) ? layout : undefined
  }

  /** There is something of the table, of whatever incarnation. Throws NAME_COLLISION. */
  has(table: Table): boolean {
    return this.#known(this.#nameOf(table), table) !== undefined
  }

  #nameOf(table: Table): string {
    return this.#options.prefix + this.#options.names.of(table)
  }

  #known(name: string, table: Table): { incarnation: number; layout: Layout } | undefined {
    const row = this.#database.prepare(`SELECT * FROM ${CATALOG} WHERE name = ?`).get(name)
    if (row === undefined) return undefined
    const isOwn = this.#ownerValues().join() === [row.pipeline, row.sink, row.source].join()
    if (!isOwn || row.source_table !== table.name)
      throw new TailraceError(
        'NAME_COLLISION',
        'stop',
        `${table.name} would land in "${name}", which holds ${row.source_table} of the sink "${row.sink}".`,
        { hint: 'Set `name` of the sink to a template that keeps them apart, or give it a `path` of its own.' },
      )
    return { incarnation: Number(row.incarnation), layout: JSON.parse(String(row.layout)) as Layout }
  }

  #create(layout: Layout): void {
    demandFree(this.#database, layout.name)
    this.#database.exec(createTable(layout))
    createSearch(this.#database, layout)
  }

  #change(before: Layout, after: Layout): void {
    const searchChanged = before.search.join('\0') !== after.search.join('\0')
    const isRewritten = !onlyAddsColumns(before, after)
    if (searchChanged || isRewritten) dropSearch(this.#database, before.name)
    if (isRewritten) this.#rewrite(before, after)
    else
      for (const column of after.columns.slice(before.columns.length))
        this.#database.exec(
          `ALTER TABLE ${quote(after.name)} ADD COLUMN ${quote(column.name)} ${column.storage}${defaultOf(column)}`,
        )
    if (searchChanged || isRewritten) createSearch(this.#database, after)
  }

  /** Copies the rows into a table of the new layout that then takes the old one's name. */
  #rewrite(before: Layout, after: Layout): void {
    const scratch = `_tailrace_new_${after.name}`
    const columns = before.columns.map(column => quote(column.name)).join(', ')
    this.#database.exec(createTable(after, scratch))
    this.#database.exec(`INSERT INTO ${quote(scratch)} (${columns}) SELECT ${columns} FROM ${quote(before.name)}`)
    this.#database.exec(`DROP TABLE ${quote(before.name)}`)
    this.#database.exec(`ALTER TABLE ${quote(scratch)} RENAME TO ${quote(after.name)}`)
  }

  #save(table: Table, layout: Layout): void {
    const values = [...this.#ownerValues(), table.name, table.incarnation, JSON.stringify(layout)]
    this.#database.prepare(`INSERT OR REPLACE INTO ${CATALOG} VALUES (?, ?, ?, ?, ?, ?, ?)`).run(layout.name, ...values)
  }
}

/** Every table of a sink, of one source or of all, in no order. */
export function ownTables(
  database: Database,
  { pipeline, sink, source }: Pick<Owner, 'pipeline' | 'sink'> & Partial<Owner>,
): { sourceTable: string; layout: Layout }[] {
  const rows = database
    .prepare(
      `SELECT source_table, layout FROM ${CATALOG} WHERE pipeline = ? AND sink = ? AND source = ifnull(?, source)`,
    )
    .all(pipeline, sink, source ?? null)
  return rows.map(row => ({
    sourceTable: String(row.source_table),
    layout: JSON.parse(String(row.layout)) as Layout,
  }))
}

/** Drops the tables of a sink, of one source or of all, and answers their names. */
export function dropTables(database: Database, owner: Parameters<typeof ownTables>[1]): string[] {
  const names = ownTables(database, owner).map(({ layout }) => layout.name)
  const forget = database.prepare(`DELETE FROM ${CATALOG} WHERE name = ?`)
  for (const name of names) {
    dropTable(database, name)
    forget.run(name)
  }
  return names
}

function dropTable(database: Database, name: string): void {
  dropSearch(database, name)
  database.exec(`DROP TABLE IF EXISTS ${quote(name)}`)
}

/** Throws TARGET_TAKEN. */
export function demandFree(database: Database, name: string): void {
  if (database.prepare('SELECT 1 FROM sqlite_schema WHERE name = ? COLLATE NOCASE').get(name) === undefined) return
  throw new TailraceError('TARGET_TAKEN', 'stop', `The database has something else named "${name}".`, {
    hint: 'Drop or rename it, or set `name` of the sink to another template.',
  })
}

/** A column that the source has dropped is still there to be searched. */
function checkSearch(table: Table, search: readonly string[], layout: Layout): void {
  for (const wanted of search) {
    if (!layout.columns.some(column => column.source === wanted))
      throw new TailraceError('SEARCH_COLUMN', 'stop', `${table.name} has no column "${wanted}" to search in.`, {
        hint: `Its columns are ${table.columns.map(column => column.name).join(', ')}. Edit \`search\` of the sink.`,
      })
    if (/^(rank|rowid)$/i.test(wanted))
      throw new TailraceError('SEARCH_COLUMN', 'stop', `SQLite cannot index a column named "${wanted}".`, {
        hint: `Leave it out of \`search\` of the sink for ${table.name}.`,
      })
  }
}

function hasColumn({ columns }: Layout, name: string): boolean {
  return columns.some(({ source }) => source === name)
}
