import type { Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { type Names, nameFrom } from '../../runtime/naming.ts'
import { CATALOG, type Database, quote } from './database.ts'
import { alterations, createTable, type Layout, type LayoutOptions, layOut, TABLE_NAMES, tableName } from './layout.ts'
import { IS_OWN, type Owner, ownerValues, TABLES } from './owner.ts'

export interface CatalogOptions extends LayoutOptions {
  /** Of the schema and of the table in it. */
  readonly template: { readonly schema: string; readonly table: string }
  readonly names: Names
}

/**
 * The tables that the sink made, remembered in `_tailrace.tables`. Everything here runs inside the caller's
 * transaction: if that does not commit, nothing was made.
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

  /** True if every table of the owner still stands in the database. */
  async isWhole(): Promise<boolean> {
    const missing = await this.#database.query(
      `SELECT 1 FROM ${TABLES} c WHERE ${IS_OWN} AND NOT EXISTS (SELECT 1 FROM duckdb_tables() t
       WHERE t.database_name = '${CATALOG}' AND t.schema_name = c.schema_name AND t.table_name = c.table_name)`,
      ownerValues(this.#owner),
    )
    return missing.length === 0
  }

  /**
   * Makes or widens the database's table so that it can hold this version; undefined if the table has begun a later
   * life already. Throws NAME_COLLISION, TARGET_TAKEN, SINK_SCHEMA.
   */
  async ensure(table: Table): Promise<Layout | undefined> {
    const { names, history } = this.#options
    const place = this.#placeOf(table)
    names.claim(tableName(place), table.name)
    const known = await this.#known(place, table)
    if (known !== undefined && known.incarnation > table.incarnation) return undefined
    // A history goes on over all lives of the table.
    const before =
      known !== undefined && (history || known.incarnation === table.incarnation) ? known.layout : undefined
    const layout = layOut(table, place, this.#options, before)
    if (
      before !== undefined &&
      JSON.stringify(before) === JSON.stringify(layout) &&
      known?.incarnation === table.incarnation
    )
      return layout
    if (before !== undefined) for (const statement of alterations(before, layout)) await this.#database.run(statement)
    else await this.#create(layout, known !== undefined)
    await this.#save(table, layout)
    return layout
  }

  /** How the table stands, without making or changing it; undefined if there is none, or of another incarnation. */
  async find(table: Table): Promise<Layout | undefined> {
    const known = await this.#known(this.#placeOf(table), table)
    if (known?.incarnation !== table.incarnation) return undefined
    const { layout } = known
    return table.key.every(i => hasColumn(layout, table.columns[i]!.name)) ? layout : undefined
  }

  #placeOf({ source, schema, table }: Table): { schema: string; table: string } {
    const { template } = this.#options
    const parts = { pipeline: this.#owner.pipeline, source, schema, table }
    // No name is empty to DuckDB; `%` alone is no escape.
    const name = (part: string): string => nameFrom(part, parts, TABLE_NAMES) || '%'
    return { schema: name(template.schema), table: name(template.table) }
  }

  async #known(
    { schema, table: name }: { schema: string; table: string },
    table: Table,
  ): Promise<{ incarnation: number; layout: Layout } | undefined> {
    const [row] = await this.#database.query(
      `SELECT * FROM ${TABLES} WHERE lower(schema_name) = lower($1) AND lower(table_name) = lower($2)`,
      [schema, name],
    )
    if (row === undefined) return undefined
    const isOwn = ownerValues(this.#owner).join('\0') === [row.pipeline, row.sink, row.source].join('\0')
    if (!isOwn || row.source_table !== table.name)
      throw new TailraceError(
        'NAME_COLLISION',
        'stop',
        `${table.name} would land in "${schema}.${name}", which holds ${row.source_table} of the sink "${row.sink}".`,
        { hint: 'Set `name` of the sink to a template that keeps them apart, or give it a `path` of its own.' },
      )
    return { incarnation: Number(row.incarnation), layout: JSON.parse(String(row.layout)) as Layout }
  }

  async #create(layout: Layout, isOurs: boolean): Promise<void> {
    const { schema, table } = layout
    const found = await this.#database.query(
      `SELECT 1 FROM information_schema.tables
       WHERE table_catalog = '${CATALOG}' AND lower(table_schema) = lower($1) AND lower(table_name) = lower($2)`,
      [schema, table],
    )
    if (found.length > 0 && !isOurs)
      throw new TailraceError('TARGET_TAKEN', 'stop', `The database has something else named "${schema}.${table}".`, {
        hint: 'Drop or rename it, or set `name` of the sink to another template.',
      })
    await this.#database.run(`CREATE SCHEMA IF NOT EXISTS ${CATALOG}.${quote(schema)}`)
    await this.#database.run(createTable(layout))
  }

  async #save(table: Table, { schema, table: name, ...rest }: Layout): Promise<void> {
    await this.#database.run(`DELETE FROM ${TABLES} WHERE schema_name = $1 AND table_name = $2`, [schema, name])
    await this.#database.run(`INSERT INTO ${TABLES} VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`, [
      schema,
      name,
      ...ownerValues(this.#owner),
      table.name,
      BigInt(table.incarnation),
      JSON.stringify({ schema, table: name, ...rest }),
    ])
  }

  /** Drops every table of the owner, and the schemas that are empty then. Answers the names of the tables. */
  async dropAll(): Promise<string[]> {
    const own = ownerValues(this.#owner)
    const rows = await this.#database.query(`SELECT schema_name, table_name FROM ${TABLES} WHERE ${IS_OWN}`, own)
    const places = rows.map(row => ({ schema: String(row.schema_name), table: String(row.table_name) }))
    for (const place of places) await this.#database.run(`DROP TABLE IF EXISTS ${tableName(place)}`)
    await this.#database.run(`DELETE FROM ${TABLES} WHERE ${IS_OWN}`, own)
    for (const schema of new Set(places.map(place => place.schema))) await this.#dropIfEmpty(schema)
    return places.map(({ schema, table }) => `${schema}.${table}`)
  }

  async #dropIfEmpty(schema: string): Promise<void> {
    if (schema === 'main') return
    const left = await this.#database.query(
      `SELECT 1 FROM information_schema.tables WHERE table_catalog = '${CATALOG}' AND table_schema = $1 LIMIT 1`,
      [schema],
    )
    if (left.length === 0) await this.#database.run(`DROP SCHEMA IF EXISTS ${CATALOG}.${quote(schema)}`)
  }
}

function hasColumn({ columns }: Layout, name: string): boolean {
  return columns.some(({ source }) => source === name)
}
