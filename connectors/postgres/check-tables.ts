import type pg from 'pg'
import type { Finding } from '../../runtime/contract.ts'
import { isTailraceError, type TailraceError } from '../../runtime/errors.ts'
import { formatSize } from '../../runtime/quantity.ts'
import { someOf } from '../../runtime/some-of.ts'
import { nameOf } from '../common/selection.ts'
import type { Captured } from './capture.ts'
import { type Surveyed, surveyTables } from './catalog.ts'
import type { RelationRow } from './catalog-rows.ts'
import { type PostgresConfig, publicationNames, type SourceNames } from './config.ts'
import { createStatement } from './publication.ts'
import { quoteIdentifier, quoteRelation } from './quote.ts'
import type { ServerFacts } from './server-facts.ts'
import { unknownFindings } from './unknown-types.ts'

/** What the tables must offer: keys, privileges, publications. */
export async function checkTables(
  client: pg.ClientBase,
  facts: ServerFacts,
  config: PostgresConfig,
  names: SourceNames,
): Promise<Finding[]> {
  const { tables, problems } = await surveyTables(client, names.name, config, [])
  const findings = problems.map(asFinding)
  for (const table of tables) findings.push(...checkTable(table, facts))
  const captured = tables.flatMap(table => (isTailraceError(table.captured) ? [] : [table.captured]))
  if (captured.length > 0) findings.push(...load(captured, facts))
  findings.push(...unknownFindings(captured))
  const { main, append } = publicationNames(config, names)
  const owned = new Set(tables.filter(({ relation }) => relation.owned).map(({ relation }) => relation.oid))
  for (const [name, insertsOnly] of [
    [main, false],
    [append, true],
  ] as const) {
    const members = captured.filter(one => one.appendOnly === insertsOnly)
    if (members.length > 0) findings.push(await checkPublication(client, { name, insertsOnly, members, owned }, facts))
  }
  return findings
}

function asFinding({ code, message, hint }: TailraceError): Finding {
  return { level: 'error', code, message, ...(hint === undefined ? {} : { fix: hint }) }
}

function checkTable({ relation, captured }: Surveyed, facts: ServerFacts): Finding[] {
  const findings: Finding[] = []
  if (isTailraceError(captured)) findings.push(asFinding(captured))
  if (!relation.readable) findings.push(unreadable(relation, facts.role))
  if (relation.rowSecurity && !facts.bypassesRowSecurity)
    findings.push({
      level: 'error',
      code: 'TABLE_ROW_SECURITY',
      message: `Row security of ${nameOf(relation)} would hide rows.`,
      fix: `ALTER ROLE ${quoteIdentifier(facts.role)} BYPASSRLS;`,
    })
  return findings
}

function unreadable(relation: RelationRow, role: string): Finding {
  const grantee = quoteIdentifier(role)
  return {
    level: 'error',
    code: 'TABLE_UNREADABLE',
    message: `Role ${role} may not read ${nameOf(relation)}.`,
    fix: `GRANT USAGE ON SCHEMA ${quoteIdentifier(relation.schema)} TO ${grantee}; GRANT SELECT ON ${quoteRelation(relation.schema, relation.table)} TO ${grantee};`,
  }
}

/** A careful guess of what one table's copy brings a second, bytes. */
const LOAD_RATE = 20 * 1024 * 1024

/** The server keeps its log until the first load has ended. */
function load(captured: readonly Captured[], { maxSlotKeep, walRate }: ServerFacts): Finding[] {
  const bytes = captured.reduce((sum, one) => sum + (one.estimatedBytes ?? 0), 0)
  const tables = captured.length === 1 ? '1 table' : `${captured.length} tables`
  const code = 'SOURCE_TABLES'
  const limit = maxSlotKeep * 1024 * 1024
  const kept = (bytes / LOAD_RATE) * (walRate ?? 0)
  if (maxSlotKeep === -1 || kept < limit)
    return [{ level: 'ok', code, message: `${tables} to capture, ${formatSize(bytes)}` }]
  return [
    {
      level: 'warning',
      code,
      message: `While ${formatSize(bytes)} are copied the server may write more log (${formatSize(kept)}) than it keeps for a slot (${formatSize(limit)}).`,
      fix: `ALTER SYSTEM SET max_slot_wal_keep_size = '${Math.ceil((2 * kept) / 1024 ** 3)}GB'; SELECT pg_reload_conf();`,
    },
  ]
}

interface Wanted {
  readonly name: string
  readonly insertsOnly: boolean
  readonly members: readonly Captured[]
  /** Oids of the tables that the role owns. */
  readonly owned: ReadonlySet<number>
}

async function checkPublication(client: pg.ClientBase, wanted: Wanted, facts: ServerFacts): Promise<Finding> {
  const { name, insertsOnly, members, owned } = wanted
  const { rows } = await client.query<{ ours: string; published: string }>(
    `SELECT pg_catalog.pg_has_role(p.pubowner, 'USAGE') AS ours, COALESCE((
       SELECT json_agg(c.oid::bigint) FROM pg_catalog.pg_publication_tables t
       JOIN pg_catalog.pg_namespace n ON n.nspname = t.schemaname
       JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname = t.tablename
       WHERE t.pubname = p.pubname), '[]'::pg_catalog.json) AS published
     FROM pg_catalog.pg_publication p WHERE p.pubname = $1`,
    [name],
  )
  const [found] = rows
  const code = 'SOURCE_PUBLICATION'
  const relations = (tables: readonly Captured[]): string[] => tables.map(({ relation }) => relation)
  const some = (tables: readonly Captured[]): string => someOf(relations(tables))
  const foreign = members.filter(({ oid }) => !owned.has(oid))
  if (found === undefined) {
    if (facts.superuser || (facts.mayCreate && foreign.length === 0))
      return { level: 'ok', code, message: `publication ${name} will be made` }
    const grant = `GRANT CREATE ON DATABASE ${quoteIdentifier(facts.database)} TO ${quoteIdentifier(facts.role)};`
    if (foreign.length === 0)
      return { level: 'error', code, message: `Role ${facts.role} may not make publication ${name}.`, fix: grant }
    return {
      level: 'error',
      code,
      message: `Only their owner can publish ${some(foreign)}.`,
      fix: `${createStatement({ name, insertsOnly, tables: members })}; -- as owner of the tables`,
    }
  }
  const published = new Set(JSON.parse(found.published) as number[])
  const missing = members.filter(({ oid }) => !published.has(oid))
  if (missing.length === 0) return { level: 'ok', code, message: `publication ${name} has every table` }
  return {
    level: found.ours === 't' && foreign.length === 0 ? 'warning' : 'error',
    code,
    message: `Publication ${name} lacks ${some(missing)}.`,
    fix: `ALTER PUBLICATION ${quoteIdentifier(name)} ADD TABLE ${relations(missing).join(', ')};`,
  }
}
