import { createHash } from 'node:crypto'
import type pg from 'pg'
import type { ListedRelation } from './listed-relation.ts'
import { quoteRelation } from './quote.ts'

/** What the catalog says, as plain rows. Reads committed: outside a transaction each call sees the newest state. */

export interface RelationRow extends ListedRelation {
  /** pg_class.relreplident: d default, n nothing, f full, i index. */
  readonly identity: string
  readonly rowSecurity: boolean
  readonly owned: boolean
  readonly readable: boolean
}

export interface AttributeRow {
  readonly attnum: number
  readonly name: string
  readonly typeOid: number
  readonly typmod: number
  readonly declared: string
  readonly notNull: boolean
  readonly generated: boolean
  /** Rows from before the column was added answer a value that no event brought: those of partitions of their own. */
  readonly hasMissing: boolean
  readonly hasDefault: boolean
}

export interface IndexRow {
  readonly name: string
  /** Key columns in order; 0 for an expression. */
  readonly attnums: readonly number[]
  readonly isPrimary: boolean
  readonly isIdentity: boolean
  /** Why it cannot key rows, whatever its columns; null if it can. */
  readonly problem: string | null
}

export interface LeafRow {
  readonly oid: number
  readonly schema: string
  readonly table: string
  readonly kind: string
  /** And which transactions attached it: what was detached for a moment has missed changes. */
  readonly filenode: string
  /** The transactions that defined its columns as they are; null where rows may be gone without an event (a partition's). */
  readonly definedBy: string | null
  readonly identity: string
  readonly isHeap: boolean
  readonly readable: boolean
  /** -1: not known. */
  readonly rows: number
  readonly bytes: number
  /** Of its main file. */
  readonly pages: number
}

export interface TableRows {
  readonly attributes: AttributeRow[]
  readonly indexes: IndexRow[]
  readonly leaves: LeafRow[]
}

/** Every relation outside the system's schemas. */
export async function readRelations(client: pg.ClientBase): Promise<RelationRow[]> {
  return await jsonRows<RelationRow>(
    client,
    `SELECT json_build_object(
       'oid', c.oid::bigint, 'schema', n.nspname, 'table', c.relname, 'kind', c.relkind,
       'persistence', c.relpersistence, 'isPartition', c.relispartition, 'identity', c.relreplident,
       'rowSecurity', c.relrowsecurity, 'owned', pg_catalog.pg_has_role(c.relowner, 'USAGE'),
       'readable', pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
     ) AS row
     FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'`,
    [],
  )
}

/** Columns, indexes and leaves of each table; one that was dropped has none of them. */
export async function readTables(client: pg.ClientBase, oids: readonly number[]): Promise<Map<number, TableRows>> {
  const tables = new Map<number, TableRows>(oids.map(oid => [oid, { attributes: [], indexes: [], leaves: [] }]))
  for (const row of await jsonRows<AttributeRow & { of: number }>(client, ATTRIBUTES, [oids]))
    tables.get(row.of)!.attributes.push(row)
  for (const row of await jsonRows<IndexRow & { of: number }>(client, INDEXES, [oids]))
    tables.get(row.of)!.indexes.push(row)
  for (const row of await jsonRows<LeafRow & { of: number }>(client, LEAVES, [oids]))
    tables.get(row.of)!.leaves.push(row)
  return tables
}

const ATTRIBUTES = `
  SELECT json_build_object(
    'of', a.attrelid::bigint, 'attnum', a.attnum, 'name', a.attname, 'typeOid', a.atttypid::bigint,
    'typmod', a.atttypmod, 'declared', pg_catalog.format_type(a.atttypid, a.atttypmod), 'notNull', a.attnotnull,
    'generated', a.attgenerated <> '', 'hasDefault', a.atthasdef OR a.attidentity <> '',
    'hasMissing', a.atthasmissing OR c.relkind = 'p' AND EXISTS (
      SELECT FROM pg_catalog.pg_partition_tree(c.oid) tree
      JOIN pg_catalog.pg_attribute own ON own.attrelid = tree.relid AND own.attname = a.attname
      WHERE own.atthasmissing AND NOT own.attisdropped
    )
  ) AS row
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  WHERE a.attrelid = ANY ($1::pg_catalog.oid[]) AND a.attnum > 0 AND NOT a.attisdropped
  ORDER BY a.attrelid, a.attnum`

const INDEXES = `
  SELECT json_build_object(
    'of', i.indrelid::bigint, 'name', c.relname,
    'attnums', (i.indkey::pg_catalog.int2[])[0:i.indnkeyatts - 1], 'isPrimary', i.indisprimary,
    'isIdentity', i.indisreplident, 'problem', CASE
      WHEN NOT i.indisunique THEN 'it is not unique'
      WHEN NOT i.indimmediate THEN 'it is deferrable'
      WHEN i.indpred IS NOT NULL THEN 'it is partial'
      WHEN i.indexprs IS NOT NULL THEN 'it is on an expression'
      WHEN NOT i.indisvalid THEN 'it is not valid' END
  ) AS row
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
  WHERE i.indrelid = ANY ($1::pg_catalog.oid[])
  ORDER BY i.indrelid, i.indexrelid`

/** Functions read the newest state, also under an old snapshot. */
const LEAVES = `
  SELECT json_build_object(
    'of', leaf.of::bigint, 'oid', c.oid::bigint, 'schema', n.nspname, 'table', c.relname, 'kind', c.relkind,
    'filenode', pg_catalog.concat_ws('+', pg_catalog.pg_relation_filenode(c.oid), attached.by), 'identity', c.relreplident,
    'definedBy', CASE WHEN c.oid = leaf.of AND NOT c.relispartition THEN (
      SELECT pg_catalog.string_agg(a.xmin::text, '+' ORDER BY a.attnum)
      FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0
    ) END,
    'isHeap', c.relkind = 'r' AND m.amname = 'heap',
    'readable', pg_catalog.has_schema_privilege(n.oid, 'USAGE') AND pg_catalog.has_table_privilege(c.oid, 'SELECT'),
    'rows', c.reltuples::bigint, 'bytes', COALESCE(pg_catalog.pg_table_size(c.oid), 0),
    'pages', COALESCE(pg_catalog.pg_relation_size(c.oid), 0) / pg_catalog.current_setting('block_size')::int8
  ) AS row
  FROM (
    SELECT r.oid AS of, r.oid FROM pg_catalog.pg_class r WHERE r.oid = ANY ($1::pg_catalog.oid[]) AND r.relkind = 'r'
    UNION ALL
    SELECT r.oid, tree.relid
    FROM pg_catalog.pg_class r CROSS JOIN LATERAL pg_catalog.pg_partition_tree(r.oid) tree
    WHERE r.oid = ANY ($1::pg_catalog.oid[]) AND r.relkind = 'p' AND tree.isleaf AND tree.relid <> r.oid
  ) leaf
  JOIN pg_catalog.pg_class c ON c.oid = leaf.oid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_am m ON m.oid = c.relam
  CROSS JOIN LATERAL (
    SELECT pg_catalog.string_agg(h.xmin::text, '+' ORDER BY h.inhrelid) AS by
    FROM pg_catalog.pg_partition_ancestors(c.oid) a JOIN pg_catalog.pg_inherits h ON h.inhrelid = a.relid
  ) attached
  WHERE c.relkind <> 'p'
  ORDER BY leaf.of, c.oid`

export function quotedLeaf(leaf: LeafRow): string {
  return quoteRelation(leaf.schema, leaf.table)
}

/**
 * A leaf and its file. `columns`: where it is equal, and not undefined, another file holds the same values, as VACUUM
 * FULL leaves it: whatever gives rows other values writes a column's row in the catalog, and a truncate is streamed.
 */
export type LeafFile = readonly [oid: number, file: string, columns?: string | undefined]

export function filesOf(leaves: readonly Pick<LeafRow, 'oid' | 'filenode' | 'definedBy'>[]): LeafFile[] {
  return leaves.map(({ oid, filenode, definedBy }) =>
    definedBy === null ? [oid, filenode] : [oid, filenode, digest(definedBy)],
  )
}

/** Equal while rows read under an older snapshot are the table's: nothing was rewritten, attached or altered. */
export function stateOf(rows: TableRows): string {
  return digest([rows.leaves.map(({ oid, filenode }) => [oid, filenode]), attributesOf(rows)])
}

/** Equal while the columns are the same. */
export function attributesOf({ attributes }: TableRows): string {
  return digest(attributes.map(({ attnum, name, typeOid, typmod }) => [attnum, name, typeOid, typmod]))
}

/** Short text that differs where the value does. */
export function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 24)
}

async function jsonRows<T>(client: pg.ClientBase, text: string, values: unknown[]): Promise<T[]> {
  const { rows } = await client.query<{ row: string }>(text, values)
  return rows.map(({ row }) => JSON.parse(row) as T)
}
