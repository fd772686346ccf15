import type { Generation, Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { type Names, nameFrom } from '../../runtime/naming.ts'
import type { Connection, TextRow } from './connection.ts'
import {
  alterations,
  createTable,
  fits,
  type Layout,
  type LayoutOptions,
  layOut,
  nameIn,
  quote,
  SCHEMA_NAMES,
  TABLE_NAMES,
  tableName,
} from './layout.ts'
import { hasSchema, IS_OWN, lockTables, type Owner, ownerValues, TABLES } from './owner.ts'

export interface CatalogOptions extends LayoutOptions {
  /** Of the schema and of the table in it. */
  readonly template: { readonly schema: string; readonly table: string }
  readonly names: Names
  readonly generation: Generation | undefined
}

/** A table as it stands now. `isEmpty`: it was made or emptied by this call. */
export interface Ensured {
  readonly layout: Layout
  readonly isEmpty: boolean
}

/**
 * The tables that the sink made, remembered in `_tailrace.tables`. What changes them runs inside the caller's
 * transaction: if that does not commit, nothing was made.
 */
export class Catalog {
  readonly #connection: Connection
  readonly #owner: Owner
  readonly #options: CatalogOptions

  constructor(connection: Connection, owner: Owner, options: CatalogOptions) {
    this.#connection = connection
    this.#owner = owner
    this.#options = options
  }

  /** True if every table of the owner still stands in the database. */
  async isWhole(): Promise<boolean> {
    const missing = await this.#connection.query(
      `SELECT 1 FROM ${TABLES} c WHERE ${IS_OWN} AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_tables t
       WHERE t.schemaname = c.schema_name AND t.tablename = c.table_name) LIMIT 1`,
      ownerValues(this.#owner),
    )
    return missing.length === 0
  }

  /**
   * Empties every table of the owner, whatever life it is in: what others have made of them, views above all, stays.
   */
  async emptyAll(): Promise<void> {
    for (const { layout } of await ownTables(this.#connection, this.#owner))
      if (await hasTable(this.#connection, layout)) await emptyTable(this.#connection, layout)
      else await forgetTable(this.#connection, layout)
    await this.#connection.change(
      `UPDATE ${TABLES} SET incarnation = ${NO_LIFE} WHERE ${IS_OWN}`,
      ownerValues(this.#owner),
    )
  }

  /**
   * Makes or widens the database's table so that it can hold this version; undefined if the table has begun a later
   * life already. Throws NAME_COLLISION, TARGET_TAKEN, SINK_SCHEMA.
   */
  async ensure(table: Table): Promise<Ensured | undefined> {
    const place = this.#placeOf(table)
    this.#options.names.claim(`${place.schema}.${place.live}`, table.name)
    const known = await this.#known(this.#connection, place, table)
    if (known !== undefined && known.incarnation > table.incarnation) return undefined
    const isReborn = known !== undefined && known.incarnation < table.incarnation
    const isKept = known !== undefined && (!isReborn || fits(table, known.layout, this.#options))
    const layout = layOut(table, place, this.#options, isKept ? known.layout : undefined)
    if (known !== undefined && !isReborn && isSame(known.layout, layout)) return { layout, isEmpty: false }
    if (known === undefined || !isKept) await this.#create(layout, known !== undefined)
    else {
      if (isReborn) await emptyTable(this.#connection, layout)
      for (const statement of alterations(known.layout, layout)) await this.#connection.run(statement)
    }
    await this.#save(table, layout)
    return { layout, isEmpty: isReborn || known === undefined }
  }

  async empty(layout: Layout): Promise<void> {
    await emptyTable(this.#connection, layout)
  }

  /** How the table stands, without making or changing it; undefined if there is none, or of another incarnation. */
  async find(table: Table, connection: Connection): Promise<Layout | undefined> {
    const known = await this.#known(connection, this.#placeOf(table), table)
    if (known?.incarnation !== table.incarnation) return undefined
    const { layout } = known
    const isKeyed = table.key.every(i => layout.columns.some(({ source }) => source === table.columns[i]!.name))
    return isKeyed ? layout : undefined
  }

  #placeOf({ source, schema, table }: Table): Pick<Layout, 'schema' | 'table' | 'live'> {
    const { template, generation } = this.#options
    const parts = { pipeline: this.#owner.pipeline, source, schema, table }
    // No name is empty to PostgreSQL; `%` alone is no escape.
    const live = nameFrom(template.table, parts, TABLE_NAMES) || '%'
    return { schema: nameFrom(template.schema, parts, SCHEMA_NAMES) || '%', table: nameIn(generation, live), live }
  }

  async #known(
    connection: Connection,
    { schema, table: name, live }: Pick<Layout, 'schema' | 'table' | 'live'>,
    table: Table,
  ): Promise<{ incarnation: number; layout: Layout } | undefined> {
    const [row] = await connection.query(`SELECT * FROM ${TABLES} WHERE schema_name = $1 AND table_name = $2`, [
      schema,
      name,
    ])
    if (row === undefined) return undefined
    const isOwn = ownerValues(this.#owner).join('\0') === [row.pipeline, row.sink, row.source].join('\0')
    if (!isOwn || row.source_table !== table.name)
      throw new TailraceError(
        'NAME_COLLISION',
        'stop',
        `${table.name} would land in "${schema}.${live}", which holds ${row.source_table} of the sink "${row.sink}".`,
        { hint: 'Set `name` of the sink to a template that keeps them apart, such as {source}_{schema}.{table}.' },
      )
    return { incarnation: Number(row.incarnation), layout: layoutIn(row) }
  }

  async #create(layout: Layout, isOurs: boolean): Promise<void> {
    const connection = this.#connection
    await lockTables(connection)
    if (isOurs) await dropTable(connection, layout)
    else await demandFree(connection, layout)
    if (!(await hasSchema(connection, layout.schema))) await connection.run(`CREATE SCHEMA ${quote(layout.schema)}`)
    await connection.run(createTable(layout))
  }

  async #save(table: Table, layout: Layout): Promise<void> {
    await this.#connection.change(
      `INSERT INTO ${TABLES} VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (schema_name, table_name)
       DO UPDATE SET incarnation = excluded.incarnation, layout = excluded.layout`,
      [
        layout.schema,
        layout.table,
        ...ownerValues(this.#owner),
        table.name,
        String(table.incarnation),
        JSON.stringify(layout),
      ],
    )
  }
}

/** Of a table whose rows no log vouches for. */
const NO_LIFE = 0

function isSame(before: Layout, after: Layout): boolean {
  return JSON.stringify(before) === JSON.stringify(after)
}

function layoutIn(row: TextRow): Layout {
  return JSON.parse(row.layout!) as Layout
}

/** A sink of a pipeline, or one source of it. */
export type Owners = Pick<Owner, 'pipeline' | 'sink'> & Partial<Owner>

/** Every table of the owners, in no order. */
export async function ownTables(
  connection: Connection,
  { pipeline, sink, source }: Owners,
): Promise<{ sourceTable: string; incarnation: number; layout: Layout }[]> {
  const rows = await connection.query(
    `SELECT source_table, incarnation, layout FROM ${TABLES}
     WHERE pipeline = $1 AND sink = $2 AND source = coalesce($3, source)`,
    [pipeline, sink, source ?? null],
  )
  return rows.map(row => ({
    sourceTable: row.source_table!,
    incarnation: Number(row.incarnation),
    layout: layoutIn(row),
  }))
}

/** Drops the owners' tables, and the schemas that are empty then. Answers the names of the tables. */
export async function dropTables(connection: Connection, owners: Owners): Promise<string[]> {
  const layouts = (await ownTables(connection, owners)).map(({ layout }) => layout)
  for (const layout of layouts) {
    await dropTable(connection, layout)
    await forgetTable(connection, layout)
  }
  for (const schema of new Set(layouts.map(layout => layout.schema))) await dropIfEmpty(connection, schema)
  return layouts.map(({ schema, table }) => `${schema}.${table}`)
}

async function forgetTable(connection: Connection, { schema, table }: Layout): Promise<void> {
  await connection.change(`DELETE FROM ${TABLES} WHERE schema_name = $1 AND table_name = $2`, [schema, table])
}

/** Throws SINK_DEPENDENTS where something of others stands on it: that is not the sink's to drop. */
async function dropTable(connection: Connection, layout: Layout): Promise<void> {
  if (!(await hasTable(connection, layout))) return
  await demandNoDependents(connection, layout)
  await connection.run(`DROP TABLE ${tableName(layout)}`)
}

async function demandNoDependents(connection: Connection, layout: Layout): Promise<void> {
  const rows = await connection.query(
    `SELECT DISTINCT coalesce(r.ev_class, k.conrelid)::pg_catalog.regclass::text AS name
     FROM pg_catalog.pg_depend d
     LEFT JOIN pg_catalog.pg_rewrite r ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.oid = d.objid
     LEFT JOIN pg_catalog.pg_constraint k
       ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = d.objid AND k.contype = 'f'
     WHERE d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
       AND d.refobjid = pg_catalog.to_regclass($1) AND coalesce(r.ev_class, k.conrelid) <> d.refobjid`,
    [tableName(layout)],
  )
  if (rows.length === 0) return
  throw new TailraceError(
    'SINK_DEPENDENTS',
    'stop',
    `${layout.schema}.${layout.table} is to go, and is used by ${rows.map(({ name }) => name).join(', ')}.`,
    {
      hint: 'Drop those (DROP VIEW, ALTER TABLE ... DROP CONSTRAINT), then resume the sink. Make them anew afterwards.',
    },
  )
}

/** One that foreign keys of others refer to cannot be truncated. */
export async function emptyTable(connection: Connection, layout: Layout): Promise<void> {
  const referring = await connection.query(
    `SELECT 1 FROM pg_catalog.pg_constraint WHERE contype = 'f' AND confrelid = pg_catalog.to_regclass($1) LIMIT 1`,
    [tableName(layout)],
  )
  await connection.run(`${referring.length === 0 ? 'TRUNCATE' : 'DELETE FROM'} ${tableName(layout)}`)
}

async function dropIfEmpty(connection: Connection, schema: string): Promise<void> {
  if (schema === 'public') return
  const left = await connection.query(
    `SELECT 1 FROM pg_catalog.pg_depend WHERE refclassid = 'pg_catalog.pg_namespace'::pg_catalog.regclass
       AND refobjid = pg_catalog.to_regnamespace($1)
     UNION ALL SELECT 1 FROM pg_catalog.pg_namespace
       WHERE nspname = $2 AND NOT pg_catalog.pg_has_role(nspowner, 'USAGE') LIMIT 1`,
    [quote(schema), schema],
  )
  if (left.length === 0 && (await hasSchema(connection, schema))) await connection.run(`DROP SCHEMA ${quote(schema)}`)
}

export async function hasTable(
  connection: Connection,
  { schema, table }: Pick<Layout, 'schema' | 'table'>,
): Promise<boolean> {
  const found = await connection.query('SELECT 1 FROM pg_catalog.pg_tables WHERE schemaname = $1 AND tablename = $2', [
    schema,
    table,
  ])
  return found.length > 0
}

/** Throws TARGET_TAKEN. */
export async function demandFree(
  connection: Connection,
  { schema, table }: Pick<Layout, 'schema' | 'table'>,
): Promise<void> {
  const found = await connection.query('SELECT 1 WHERE pg_catalog.to_regclass($1) IS NOT NULL', [
    tableName({ schema, table }),
  ])
  if (found.length === 0) return
  throw new TailraceError('TARGET_TAKEN', 'stop', `The database has something else named "${schema}.${table}".`, {
    hint: 'Drop or rename it, or set `name` of the sink to another template.',
  })
}
