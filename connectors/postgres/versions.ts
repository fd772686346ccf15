import type pg from 'pg'
import type { Table } from '../../runtime/contract.ts'
import type { Captured } from './catalog.ts'
import type { PostgresConfig } from './config.ts'
import type { Relation } from './relation.ts'

/** Whether the stream's rows still have the columns of `current`. Relation messages also come after an ANALYZE. */
export function isSameRelation(_current: Captured, _relation: Relation): boolean {
  throw new Error('not built yet')
}

/**
 * The table as a Relation message describes it: `current` itself if nothing changed, else with a new Table version
 * (or incarnation, or a known one equal to it). Columns come from the message, since the catalog may be ahead of it;
 * labels and nullability from the catalog where they still match. `known`: every version so far. Throws
 * SCHEMA_REWRITE, TABLE_WITHOUT_KEY.
 */
export async function tableFromRelation(
  _client: pg.Client,
  _sourceName: string,
  _config: PostgresConfig,
  _relation: Relation,
  _current: Captured,
  _known: readonly Table[],
): Promise<Captured> {
  throw new Error('not built yet')
}
