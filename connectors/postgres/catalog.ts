import type pg from 'pg'
import type { Table } from '../../runtime/contract.ts'
import type { RowPlan } from './columns.ts'
import type { PostgresConfig } from './config.ts'

/** A column as the server sends it, in pgoutput and in COPY. Generated columns are left out. */
export interface ServerColumn {
  readonly attnum: number
  readonly name: string
  readonly typeOid: number
  readonly typmod: number
}

/** A relation that holds rows: the table itself, or a partition. */
export interface Leaf {
  readonly oid: number
  /** Quoted. */
  readonly relation: string
  /** Changes when the table is rewritten or truncated. */
  readonly filenode: string
  /** Whether ranges of ctid can be read of it. */
  readonly hasRanges: boolean
}

export type ReplicaIdentity = 'default' | 'nothing' | 'full' | 'index'

/** A table to capture, as the catalog has it now. */
export interface Captured {
  readonly table: Table
  readonly oid: number
  /** `"schema"."table"`. */
  readonly relation: string
  readonly columns: readonly ServerColumn[]
  readonly plan: RowPlan
  readonly identity: ReplicaIdentity
  /** Published in the publication for inserts and truncates only. */
  readonly appendOnly: boolean
  readonly partitioned: boolean
  readonly leaves: readonly Leaf[]
  readonly estimatedRows: number | null
  readonly estimatedBytes: number | null
}

/**
 * The tables that the configuration names, by name. A definition equal to a known one keeps its id, a changed one is a
 * new version, a table made anew or with another key a new incarnation. Throws TABLE_MISSING, TABLE_WITHOUT_KEY,
 * TABLE_UNSUPPORTED, CONFIG_COLUMN, SCHEMA_REWRITE.
 */
export async function captureTables(
  _client: pg.Client,
  _sourceName: string,
  _config: PostgresConfig,
  _known: readonly Table[],
): Promise<Captured[]> {
  throw new Error('not built yet')
}
