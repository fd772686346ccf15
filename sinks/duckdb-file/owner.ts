import type { DuckDBValue } from '@duckdb/node-api'
import { CATALOG, type Database, quote } from './database.ts'

/** Who writes: one source of one sink of one pipeline. */
export interface Owner {
  readonly pipeline: string
  readonly sink: string
  readonly source: string
}

/** The schema of the sink's own tables. */
export const OWN_SCHEMA = '_tailrace'
export const TABLES = `${CATALOG}.${OWN_SCHEMA}.tables`
export const CURSORS = `${CATALOG}.${OWN_SCHEMA}.cursors`

/** Makes what is missing of the sink's own tables. In a transaction. */
export async function createOwnTables(database: Database): Promise<void> {
  await database.run(`CREATE SCHEMA IF NOT EXISTS ${CATALOG}.${quote(OWN_SCHEMA)}`)
  await database.run(
    `CREATE TABLE IF NOT EXISTS ${TABLES} (schema_name VARCHAR, table_name VARCHAR, pipeline VARCHAR, sink VARCHAR,
     source VARCHAR, source_table VARCHAR, incarnation BIGINT, layout VARCHAR)`,
  )
  await database.run(
    `CREATE TABLE IF NOT EXISTS ${CURSORS} (pipeline VARCHAR, sink VARCHAR, source VARCHAR, log VARCHAR, cursor VARCHAR,
     epoch BIGINT, updated_at TIMESTAMPTZ)`,
  )
}

/** The condition that a row of these tables is the owner's; its values are `ownerValues`, $1 to $3. */
export const IS_OWN = 'pipeline = $1 AND sink = $2 AND source = $3'

export function ownerValues({ pipeline, sink, source }: Owner): DuckDBValue[] {
  return [pipeline, sink, source]
}
