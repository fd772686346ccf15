import type pg from 'pg'

/**
 * A text that differs once anything about the tables of the database does that the watch cares for: names, owners and
 * grants, files, columns with the values that old rows answer for them, keys, replica identities, partitions,
 * publications. One query without locks; nothing of what it looks at leaves the server.
 */
export async function catalogDigest(client: pg.ClientBase, publications: readonly string[]): Promise<string> {
  const { rows } = await client.query<{ digest: string }>(DIGEST, [publications])
  return rows[0]!.digest
}

const DIGEST = `
  WITH relation AS (
    SELECT c.*, n.nspname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  ), line AS (
    SELECT 'r' || c.oid || pg_catalog.jsonb_build_array(c.nspname, c.relname, c.relkind, c.relpersistence,
      c.relispartition, c.relreplident, c.relowner, c.relacl::text, pg_catalog.pg_relation_filenode(c.oid))::text AS text
    FROM relation c
    UNION ALL
    SELECT 'a' || a.attrelid || ' ' || a.attnum || pg_catalog.jsonb_build_array(a.attname, a.atttypid,
      a.atttypmod, a.attnotnull, a.attgenerated, a.attmissingval::text)::text
    FROM relation c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid WHERE a.attnum > 0 AND NOT a.attisdropped
    UNION ALL
    SELECT 'i' || i.indexrelid || pg_catalog.jsonb_build_array(i.indrelid, i.indkey::text, i.indisprimary,
      i.indisreplident, i.indisunique, i.indimmediate, i.indisvalid, i.indpred IS NULL, i.indexprs IS NULL)::text
    FROM relation c JOIN pg_catalog.pg_index i ON i.indrelid = c.oid WHERE i.indisunique
    UNION ALL
    SELECT 'h' || h.inhrelid || ' ' || h.inhparent || ' ' || h.xmin FROM relation c JOIN pg_catalog.pg_inherits h ON h.inhrelid = c.oid
    UNION ALL
    SELECT 'p' || p.oid || ' ' || p.xmin FROM pg_catalog.pg_publication p WHERE p.pubname = ANY ($1)
    UNION ALL
    SELECT 'm' || r.prpubid || ' ' || r.prrelid || ' ' || r.xmin
    FROM pg_catalog.pg_publication p JOIN pg_catalog.pg_publication_rel r ON r.prpubid = p.oid WHERE p.pubname = ANY ($1)
  )
  SELECT pg_catalog.md5(pg_catalog.string_agg(pg_catalog.md5(text), '' ORDER BY text)) AS digest FROM line`
