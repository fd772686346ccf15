import type { MysqlClient } from './connection.ts'
import { sqlList } from './quote.ts'

/** What information_schema has of tables. */

/** A table as it lists it. */
export interface RelationRow {
  readonly schema: string
  readonly table: string
  /** BASE TABLE, VIEW, SYSTEM VERSIONED, SEQUENCE ... */
  readonly kind: string
  readonly engine: string
  readonly rows: number | null
  readonly bytes: number | null
}

export interface ColumnRow {
  readonly name: string
  /** COLUMN_TYPE, as the DDL has it. */
  readonly type: string
  readonly nullable: boolean
  readonly charset: string | undefined
  /** Rows of before it was added have NULL in it. */
  readonly isAddedNull: boolean
  /** Made anew whenever a row is read. */
  readonly isVirtual: boolean
}

export interface KeyRow {
  readonly index: string
  readonly column: string
  /** Only so many characters of it are in the index. */
  readonly isPrefix: boolean
  readonly nullable: boolean
}

export interface TableRows {
  readonly columns: readonly ColumnRow[]
  /** Unique indexes, in index order, PRIMARY first. */
  readonly unique: ReadonlyMap<string, readonly KeyRow[]>
}

/** The server's own databases, of which nothing is captured. */
const SYSTEM = ['mysql', 'information_schema', 'performance_schema', 'sys']

export function isSystem(database: string): boolean {
  return SYSTEM.includes(database.toLowerCase())
}

export async function readRelations(client: MysqlClient): Promise<RelationRow[]> {
  const rows = await client.query(
    `SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, COALESCE(ENGINE, ''), TABLE_ROWS, DATA_LENGTH
     FROM information_schema.TABLES WHERE TABLE_SCHEMA NOT IN (${sqlList(SYSTEM)})`,
  )
  return rows.map(([schema, table, kind, engine, count, bytes]) => ({
    schema: schema!,
    table: table!,
    kind: kind!,
    engine: engine!,
    rows: count === null || count === undefined ? null : Number(count),
    bytes: bytes === null || bytes === undefined ? null : Number(bytes),
  }))
}

/** By `schema` and `table`, each table that is there. One statement sees columns and another one indexes. */
export async function readTables(
  client: MysqlClient,
  tables: readonly { readonly schema: string; readonly table: string }[],
): Promise<Map<string, TableRows>> {
  if (tables.length === 0) return new Map()
  const wanted = tables.map(({ schema, table }) => `(${sqlList([schema, table])})`).join(', ')
  const columns = await client.query(
    `SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, CHARACTER_SET_NAME,
       COLUMN_DEFAULT IS NULL OR COLUMN_DEFAULT = 'NULL', COALESCE(GENERATION_EXPRESSION, ''),
       EXTRA LIKE '%VIRTUAL%'
     FROM information_schema.COLUMNS WHERE (TABLE_SCHEMA, TABLE_NAME) IN (${wanted})
     ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION`,
  )
  const indexes = await client.query(
    `SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART IS NOT NULL, NULLABLE = 'YES'
     FROM information_schema.STATISTICS
     WHERE NON_UNIQUE = 0 AND (TABLE_SCHEMA, TABLE_NAME) IN (${wanted})
     ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX`,
  )
  const found = new Map<string, { columns: ColumnRow[]; unique: Map<string, KeyRow[]> }>()
  for (const [schema, table, name, type, nullable, charset, hasNoDefault, generated, isVirtual] of columns) {
    const place = placeOf(schema!, table!)
    if (!found.has(place)) found.set(place, { columns: [], unique: new Map() })
    found.get(place)!.columns.push({
      name: name!,
      type: type!,
      nullable: nullable === 'YES',
      charset: charset ?? undefined,
      isAddedNull: nullable === 'YES' && hasNoDefault === '1' && generated === '',
      isVirtual: isVirtual === '1',
    })
  }
  for (const [schema, table, index, column, isPrefix, nullable] of indexes) {
    const unique = found.get(placeOf(schema!, table!))?.unique
    // An index on an expression has no column there.
    const row = { index: index!, column: column ?? '', isPrefix: isPrefix === '1', nullable: nullable === '1' }
    if (unique === undefined) continue
    if (unique.has(index!)) unique.get(index!)!.push(row)
    else unique.set(index!, [row])
  }
  return found
}

export function placeOf(schema: string, table: string): string {
  return JSON.stringify([schema, table])
}
