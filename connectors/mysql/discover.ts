import type { Discovery } from '../../runtime/contract.ts'
import { errorMessage, isTailraceError } from '../../runtime/errors.ts'
import { quotePart } from '../../runtime/select.ts'
import { isWanted } from '../common/selection.ts'
import { unloggedCascades } from './cascades.ts'
import { type Surveyed, surveyTables, unsupported } from './catalog.ts'
import { type RelationRow, readRelations } from './catalog-rows.ts'
import { mysqlConfig } from './config.ts'
import { connectMysql, mysqlAddress } from './connection.ts'
import { mysqlError } from './connection-error.ts'
import { Numbering } from './numbering.ts'
import { prerequisites } from './prerequisites.ts'
import { quoteTable } from './quote.ts'
import { needsLock } from './read-view.ts'
import { type ServerFacts, serverFacts } from './server-facts.ts'

/** Under which name `init` writes the source. */
const SOURCE = 'app'
const ACCOUNT = "'tailrace'@'%'"

/**
 * Every table that the patterns mean, without them of the url's database or of all, with its size and key, and the
 * statements that prepare the server for capturing those that have one: settings, user, grants. Throws as mysqlError says.
 */
export async function discoverMysql(
  url: string,
  pipeline: string,
  signal: AbortSignal,
  patterns?: readonly string[],
): Promise<Discovery> {
  const address = mysqlAddress({ url })
  const all = address.database === '' ? '*.*' : `${quotePart(address.database)}.*`
  const config = mysqlConfig.parse({ url, tables: patterns ?? [all] })
  const client = await connectMysql(config, `tailrace ${pipeline} init`, signal)
  try {
    const facts = await serverFacts(client)
    const place = { config, numbering: new Numbering(SOURCE, [], undefined), flavor: facts.flavor }
    const { tables } = await surveyTables(client, place)
    const chosen = tables.flatMap(({ captured }) => (isTailraceError(captured) ? [] : [captured.table]))
    const cascades = await unloggedCascades(client, facts, chosen)
    const actions = new Map(cascades.map(({ child, actions }) => [child.name, actions.join(', ')]))
    const found = tables.map(table => describe(table, actions))
    const others = (await readRelations(client)).filter(relation => isWanted(config, relation) && isTable(relation))
    return { tables: [...found, ...others.flatMap(unsupportedTable)], sql: statements(tables, facts) }
  } catch (error) {
    signal.throwIfAborted()
    throw isTailraceError(error) ? error : mysqlError(error, address)
  } finally {
    client.destroy()
  }
}

function isTable({ kind }: RelationRow): boolean {
  return kind === 'BASE TABLE' || kind === 'SYSTEM VERSIONED'
}

function unsupportedTable(relation: RelationRow): Discovery['tables'] {
  const { schema, table, rows, bytes } = relation
  const reason = unsupported(relation)
  return reason === undefined ? [] : [{ schema, table, key: [], rows, bytes, problem: `it ${reason}` }]
}

function describe(
  { relation, captured }: Surveyed,
  cascades: ReadonlyMap<string, string>,
): Discovery['tables'][number] {
  const { schema, table, rows, bytes } = relation
  if (isTailraceError(captured)) return { schema, table, key: [], rows, bytes, problem: errorMessage(captured) }
  const key = captured.table.key.map(column => captured.table.columns[column]!.name)
  const cascade = cascades.get(captured.table.name)
  if (cascade === undefined) return { schema, table, key, rows, bytes }
  const problem = `what its foreign key changes (${cascade}) is not in the binary log: cascades: { resync: 15m }`
  return { schema, table, key, rows, bytes, problem }
}

function statements(tables: readonly Surveyed[], facts: ServerFacts): string[] {
  const sql = prerequisites(facts).flatMap(({ level, fix }) => (level === 'ok' || fix === undefined ? [] : [fix]))
  const client = facts.flavor === 'mysql' ? 'REPLICATION CLIENT' : 'BINLOG MONITOR'
  sql.push(`CREATE USER ${ACCOUNT} IDENTIFIED BY '...';`)
  sql.push(`GRANT REPLICATION SLAVE, ${client}${needsLock(facts) ? ', RELOAD' : ''} ON *.* TO ${ACCOUNT};`)
  const privileges = needsLock(facts) ? 'SELECT, LOCK TABLES' : 'SELECT'
  for (const { relation, captured } of tables)
    if (!isTailraceError(captured)) sql.push(`GRANT ${privileges} ON ${quoteTable(relation)} TO ${ACCOUNT};`)
  return sql
}
