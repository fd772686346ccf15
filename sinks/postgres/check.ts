import type { Finding, SinkContext } from '../../runtime/contract.ts'
import { addressWarning, type ServerAddress } from '../../runtime/server-address.ts'
import { Connection, type TextRow } from './connection.ts'
import { quote } from './layout.ts'
import { CURSORS, OWN_SCHEMA, TABLES } from './owner.ts'
import { databaseError } from './server-error.ts'

/** Prerequisites of the sink, each with the statement that mends it. Changes nothing at the server. */
export async function checkPostgres(
  address: ServerAddress,
  context: SinkContext,
  signal: AbortSignal,
): Promise<Finding[]> {
  try {
    using connection = await Connection.open(address, `tailrace ${context.pipeline} ${context.name} check`, signal)
    const [facts] = await connection.within(signal, () => connection.query(FACTS, [OWN_SCHEMA, CURSORS, TABLES]))
    const warning = addressWarning(address)
    return [
      {
        level: 'ok',
        code: 'TARGET_REACHED',
        message: `PostgreSQL ${facts!.version} answers at ${connection.server}, database ${facts!.database}.`,
      },
      ...(warning === undefined ? [] : [{ level: 'warning' as const, code: 'SINK_TLS', message: `${warning}.` }]),
      ...findingsOf(facts!),
    ]
  } catch (error) {
    signal.throwIfAborted()
    const { code, message, hint } = databaseError(error, address.host)
    return [{ level: 'error', code, message, ...(hint === undefined ? {} : { fix: hint }) }]
  }
}

const FACTS = `
  SELECT pg_catalog.current_setting('server_version') AS version, pg_catalog.current_database() AS database,
    current_user AS role, pg_catalog.pg_is_in_recovery() AS standby, pg_catalog.current_setting('fsync') AS fsync,
    pg_catalog.current_setting('server_encoding') AS encoding,
    pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') AS creates,
    (SELECT pg_catalog.has_schema_privilege(oid, 'USAGE') AND pg_catalog.has_schema_privilege(oid, 'CREATE') FROM pg_catalog.pg_namespace WHERE nspname = $1) AS owns,
    (SELECT pg_catalog.bool_and(pg_catalog.has_table_privilege(c.oid, privilege))
     FROM pg_catalog.pg_class c, pg_catalog.unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS privilege
     WHERE c.oid IN (pg_catalog.to_regclass($2), pg_catalog.to_regclass($3))) AS writes`

function findingsOf({ role, database, standby, fsync, encoding, creates, owns, writes }: TextRow): Finding[] {
  const findings: Finding[] = []
  const to = quote(role!)
  if (standby === 't')
    findings.push({
      level: 'error',
      code: 'SINK_REPLICA',
      message: 'The server is a standby, which takes no writes.',
      fix: 'Give the address of the primary in `url`.',
    })
  if (creates !== 't' && owns !== 't')
    findings.push({
      level: 'error',
      code: 'SINK_AUTH',
      message: `The role ${role} may not make the schema ${OWN_SCHEMA}, nor those of the tables.`,
      fix: `GRANT CREATE ON DATABASE ${quote(database!)} TO ${to};`,
    })
  else if (owns === 'f')
    findings.push({
      level: 'error',
      code: 'SINK_AUTH',
      message: `The role ${role} may not use the schema ${OWN_SCHEMA}.`,
      fix: `GRANT USAGE, CREATE ON SCHEMA ${OWN_SCHEMA} TO ${to};`,
    })
  else if (writes === 'f')
    findings.push({
      level: 'error',
      code: 'SINK_AUTH',
      message: `The role ${role} may not write the sink’s own tables.`,
      fix: `GRANT SELECT, INSERT, UPDATE, DELETE ON ${CURSORS}, ${TABLES} TO ${to};`,
    })
  else if (creates !== 't')
    findings.push({
      level: 'warning',
      code: 'SINK_AUTH',
      message: `The role ${role} cannot make the schemas that tables land in: they must be there, and be open to it.`,
      fix: `GRANT CREATE ON DATABASE ${quote(database!)} TO ${to};`,
    })
  if (fsync === 'off')
    findings.push({
      level: 'warning',
      code: 'SINK_DURABILITY',
      message: 'The server has fsync=off: a crash of its machine may lose rows that count as written.',
      fix: 'ALTER SYSTEM SET fsync = on; SELECT pg_reload_conf();',
    })
  if (encoding !== 'UTF8')
    findings.push({
      level: 'warning',
      code: 'SINK_ENCODING',
      message: `The database’s encoding is ${encoding}: rows with characters that it lacks are refused.`,
      fix: `Use a database made with ENCODING 'UTF8'.`,
    })
  return findings
}
