import type { Discovery } from '../../runtime/contract.ts'
import { errorMessage, isTailraceError } from '../../runtime/errors.ts'
import { estimates } from './capture.ts'
import { type Surveyed, surveyTables } from './catalog.ts'
import { postgresConfig, publicationNames, slotName } from './config.ts'
import { connectSql, postgresError } from './connection.ts'
import { DDL_TRIGGER } from './ddl-trigger.ts'
import { createStatement } from './publication.ts'
import { quoteIdentifier } from './quote.ts'
import { endConnection } from './replication.ts'
import { readServer, type ServerFacts } from './server-facts.ts'

/** Under which name `init` writes the source. */
const SOURCE = 'app'
const ROLE = 'tailrace'

/**
 * Every table of the database with its size and key, and the statements that prepare the server for capturing those
 * that have one: setting, role, grants, publication. Throws as postgresError says.
 */
export async function discoverPostgres(url: string, pipeline: string, signal: AbortSignal): Promise<Discovery> {
  const config = postgresConfig.parse({ url, tables: ['*.*'] })
  const names = { pipeline, name: SOURCE }
  const client = await connectSql(config, `tailrace ${pipeline} init`, signal)
  try {
    const facts = await readServer(client, slotName(config, names))
    const { tables } = await surveyTables(client, SOURCE, config, [])
    const { main } = publicationNames(config, names)
    return { tables: tables.map(describe), sql: statements(tables, facts, main) }
  } catch (error) {
    signal.throwIfAborted()
    throw postgresError(error, config)
  } finally {
    endConnection(client)
  }
}

function describe({ relation, rows, captured }: Surveyed): Discovery['tables'][number] {
  const { schema, table } = relation
  const { estimatedRows, estimatedBytes } = estimates(rows)
  const size = { rows: estimatedRows, bytes: estimatedBytes }
  if (isTailraceError(captured)) return { schema, table, key: [], ...size, problem: errorMessage(captured) }
  const key = captured.table.key.map(column => captured.table.columns[column]!.name)
  return { schema, table, key, ...size }
}

function statements(tables: readonly Surveyed[], facts: ServerFacts, publication: string): string[] {
  const captured = tables.flatMap(table => (isTailraceError(table.captured) ? [] : [table.captured]))
  const sql: string[] = []
  if (facts.walLevel !== 'logical') sql.push("ALTER SYSTEM SET wal_level = 'logical'; -- then restart the server")
  sql.push(`CREATE ROLE ${ROLE} LOGIN REPLICATION PASSWORD '...';`)
  sql.push(`GRANT CONNECT ON DATABASE ${quoteIdentifier(facts.database)} TO ${ROLE};`)
  if (captured.length === 0) return sql
  const schemas = [...new Set(captured.map(({ table }) => quoteIdentifier(table.schema)))]
  sql.push(`GRANT USAGE ON SCHEMA ${schemas.join(', ')} TO ${ROLE};`)
  sql.push(`GRANT SELECT ON ${captured.map(({ relation }) => relation).join(', ')} TO ${ROLE};`)
  sql.push(`${createStatement({ name: publication, insertsOnly: false, tables: captured })};`)
  sql.push(...DDL_TRIGGER)
  return sql
}
