import type { Finding, SourceContext } from '../../runtime/contract.ts'
import { errorFinding } from '../../runtime/error-finding.ts'
import { isTailraceError } from '../../runtime/errors.ts'
import { addressName, addressWarning } from '../../runtime/server-address.ts'
import { withOutbox } from '../common/event-options.ts'
import { globalGrants, serverIds } from './check-grants.ts'
import { checkTables } from './check-tables.ts'
import type { MysqlConfig } from './config.ts'
import { connectMysql, type MysqlClient, mysqlAddress } from './connection.ts'
import { mysqlError } from './connection-error.ts'
import { readGrants } from './grants.ts'
import { Numbering } from './numbering.ts'
import { prerequisites } from './prerequisites.ts'
import { serverFacts } from './server-facts.ts'
import { connectionName, replicaId } from './start.ts'

/** Every prerequisite of a source, each with the exact statement that mends it. Changes nothing at the server. */
export async function checkMysql(
  given: MysqlConfig,
  context: SourceContext,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const config = withOutbox(given)
  let client: MysqlClient | undefined
  try {
    const address = mysqlAddress(config)
    client = await connectMysql(config, `${connectionName(context)} check`, signal)
    const facts = await serverFacts(client)
    const grants = await readGrants(client)
    const warning = addressWarning(address)
    const place = { config, numbering: new Numbering(context.name, [], config.maskKey), flavor: facts.flavor }
    return [
      { level: 'ok', code: 'SOURCE_REACHED', message: `${addressName(address)}, as ${grants.account}` },
      ...(warning === undefined ? [] : [{ level: 'warning' as const, code: 'SOURCE_TLS', message: warning }]),
      ...prerequisites(facts),
      ...globalGrants(facts, grants),
      await serverIds(client, facts, replicaId(config, context)),
      ...(await checkTables(client, facts, grants, place)),
    ]
  } catch (error) {
    signal.throwIfAborted()
    return [errorFinding(isTailraceError(error) ? error : mysqlError(error, mysqlAddress(config)))]
  } finally {
    client?.destroy()
  }
}
