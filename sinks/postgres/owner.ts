import { createHash } from 'node:crypto'
import type { Connection } from './connection.ts'

/** Who writes: one source of one sink (or of a generation of it) of one pipeline. */
export interface Owner {
  readonly pipeline: string
  readonly sink: string
  readonly source: string
}

/** The schema of the sink's own tables. */
export const OWN_SCHEMA = '_tailrace'
export const TABLES = `${OWN_SCHEMA}.tables`
export const CURSORS = `${OWN_SCHEMA}.cursors`

/** Of whoever makes or renames tables of any sink: held until the end of the transaction. */
const DDL_LOCK = keyOf('tables of tailrace')

/** In a transaction, which is then the only one that does so: two that make one schema at a time would fail. */
export async function lockTables(connection: Connection): Promise<void> {
  await connection.query('SELECT pg_catalog.pg_advisory_xact_lock($1)', [DDL_LOCK])
}

/** Makes what is missing of the sink's own tables. In a transaction. */
export async function createOwnTables(connection: Connection): Promise<void> {
  if (await hasOwnTables(connection)) return
  await lockTables(connection)
  if (!(await hasSchema(connection, OWN_SCHEMA))) await connection.run(`CREATE SCHEMA ${OWN_SCHEMA}`)
  await connection.run(
    `CREATE TABLE IF NOT EXISTS ${TABLES} (schema_name text, table_name text, pipeline text NOT NULL,
       sink text NOT NULL, source text NOT NULL, source_table text NOT NULL, incarnation bigint NOT NULL,
       layout text NOT NULL, PRIMARY KEY (schema_name, table_name));
     CREATE TABLE IF NOT EXISTS ${CURSORS} (pipeline text, sink text, source text, log text NOT NULL, names text NOT NULL,
       cursor text,
       epoch bigint NOT NULL, updated_at timestamptz NOT NULL, PRIMARY KEY (pipeline, sink, source))`,
  )
}

export async function hasOwnTables(connection: Connection): Promise<boolean> {
  const [row] = await connection.query(
    `SELECT count(*) AS n FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = $1 AND c.relname IN ('tables', 'cursors')`,
    [OWN_SCHEMA],
  )
  return row!.n === '2'
}

/** Asked for first: IF NOT EXISTS wants the right to make it even where it is there. */
export async function hasSchema(connection: Connection, name: string): Promise<boolean> {
  return (await connection.query('SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1', [name])).length > 0
}

/** The condition that a row of these tables is the owner's; its values are `ownerValues`, $1 to $3. */
export const IS_OWN = 'pipeline = $1 AND sink = $2 AND source = $3'

export function ownerValues({ pipeline, sink, source }: Owner): string[] {
  return [pipeline, sink, source]
}

/** 64 bits for an advisory lock, signed, in decimal. */
export function keyOf(...parts: readonly string[]): string {
  const hash = createHash('sha256')
    .update(['tailrace', ...parts].join('\0'))
    .digest()
  return String(hash.readBigInt64BE(0))
}
