import type pg from 'pg'
import type { SourceIdentity } from '../../runtime/contract.ts'

/**
 * How each table is in the publications: by the rows of the catalog that say so. A table that was taken out and put back is
 * there again, but by another row: what was changed in between has not been published (pgoutput asks the catalog as it
 * was at each change).
 */
export type Members = ReadonlyMap<number, string>

/** By the table's oid; tables that are published because all are have none. */
export async function readMembers(
  client: pg.ClientBase,
  publications: readonly string[],
  version: number,
): Promise<Members> {
  const { rows } = await client.query<{ oid: string; rows: string }>(
    `SELECT member.of AS oid, pg_catalog.string_agg(member.oid::text, '+' ORDER BY member.oid) AS rows
     FROM pg_catalog.pg_publication p JOIN (${TABLES}${version < SCHEMAS_SINCE ? '' : ` UNION ALL ${SCHEMAS}`}) member
       ON member.publication = p.oid
     WHERE p.pubname = ANY ($1) GROUP BY member.of`,
    [publications],
  )
  return new Map(rows.map(({ oid, rows }) => [Number(oid), rows]))
}

const SCHEMAS_SINCE = 150_000
const TABLES = 'SELECT r.prpubid AS publication, r.prrelid AS of, r.oid FROM pg_catalog.pg_publication_rel r'
const SCHEMAS = `SELECT s.pnpubid, c.oid, s.oid FROM pg_catalog.pg_publication_namespace s
  JOIN pg_catalog.pg_class c ON c.relnamespace = s.pnnspid AND c.relkind IN ('r', 'p')`

/** Whether changes of the table may be missing since `before`. */
export function wasAway(oid: number, before: Members, now: Members): boolean {
  const [then, since] = [before.get(oid), now.get(oid)]
  return then !== undefined && since !== undefined && then !== since
}

export const AWAY = 'it was taken out of the publication and put back'

/** Its name in the identity. */
const ENTRY = 'members'

export function membersEntry(members: Members): SourceIdentity {
  return { [ENTRY]: JSON.stringify([...members]) }
}

/** None where an earlier version wrote the identity. */
export function storedMembers(identity: SourceIdentity): Members {
  return new Map(JSON.parse(identity[ENTRY] ?? '[]') as [number, string][])
}
