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
  /** What the names of a hidden generation's tables begin with (runtime/generation.ts). */
  readonly prefix: string
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
    const { template, prefix } = this.#options
    const parts = { pipeline: this.#owner.pipeline, source, schema, table }
    // No name is empty to DuckDB; `%` alone is no escape.
    const name = (part: string): string => nameFrom(part, parts, TABLE_NAMES) || '%'
    return { schema: name(template.schema), table: prefix + name(template.table) }
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
    const { schema } = layout
    if (!isOurs) await demandFree(this.#database, layout)
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

  /** Drops every table of the owner. */
  async dropAll(): Promise<void> {
    await dropTables(this.#database, this.#owner)
  }
}

/** A sink of a pipeline, or one source of it. */
export type Owners = Pick<Owner, 'pipeline' | 'sink'> & Partial<Owner>

/** A table of the database, and of which table of the source, in which life, it has the rows. */
export interface OwnTable {
  readonly sourceTable: string
  readonly incarnation: number
  readonly layout: Layout
}

/** Every table of the owners, in no order. */
export async function ownTables(database: Database, { pipeline, sink, source }: Owners): Promise<OwnTable[]> {
  const rows = await database.query(
    `SELECT source_table, incarnation, layout FROM ${TABLES}
     WHERE pipeline = $1 AND sink = $2 AND source = coalesce($3::VARCHAR, source)`,
    [pipeline, sink, source ?? null],
  )
  return rows.map(row => ({
    sourceTable: String(row.source_table),
    incarnation: Number(row.incarnation),
    layout: JSON.parse(String(row.layout)) as Layout,
  }))
}

/** Drops the owners' tables, and the schemas that are empty then. Answers the names of the tables. */
export async function dropTables(database: Database, owners: Owners): Promise<string[]> {
  const layouts = (await ownTables(database, owners)).map(({ layout }) => layout)
  for (const { schema, table } of layouts) {
    await database.run(`DROP TABLE IF EXISTS ${tableName({ schema, table })}`)
    await database.run(`DELETE FROM ${TABLES} WHERE schema_name = $1 AND table_name = $2`, [schema, table])
  }
  for (const schema of new Set(layouts.map(layout => layout.schema))) await dropIfEmpty(database, schema)
  return layouts.map(({ schema, table }) => `${schema}.${table}`)
}

async function dropIfEmpty(database: Database, schema: string): Promise<void> {
  if (schema === 'main') return
  const left = await database.query(
    `SELECT 1 FROM information_schema.tables WHERE table_catalog = '${CATALOG}' AND table_schema = $1 LIMIT 1`,
    [schema],
  )
  if (left.length === 0) await database.run(`DROP SCHEMA IF EXISTS ${CATALOG}.${quote(schema)}`)
}

/** Throws TARGET_TAKEN. */
export async function demandFree(
  database: Database,
  { schema, table }: Pick<Layout, 'schema' | 'table'>,
): Promise<void> {
  const found = await database.query(
    `SELECT 1 FROM information_schema.tables
     WHERE table_catalog = '${CATALOG}' AND lower(table_schema) = lower($1) AND lower(table_name) = lower($2)`,
    [schema, table],
  )
  if (found.length === 0) return
  throw new TailraceError('TARGET_TAKEN', 'stop', `The database has something else named "${schema}.${table}".`, {
    hint: 'Drop or rename it, or set `name` of the sink to another template.',
  })
}

function hasColumn({ columns }: Layout, name: string): boolean {
  return columns.some(({ source }) => source === name)
}
