import type pg from 'pg'
import type { Finding, SourceContext } from '../../runtime/contract.ts'
import { errorFinding } from '../../runtime/error-finding.ts'
import { addressName, addressWarning } from '../../runtime/server-address.ts'
import { withOutbox } from '../common/event-options.ts'
import { checkServer } from './check-server.ts'
import { checkTables } from './check-tables.ts'
import { type PostgresConfig, slotName } from './config.ts'
import { connectSql, postgresAddress, postgresError } from './connection.ts'
import { endConnection } from './replication.ts'
import { readServer } from './server-facts.ts'

/** Every prerequisite of a source, each with the exact statement that mends it. Changes nothing at the server. */
export async function checkPostgres(
  given: PostgresConfig,
  context: SourceContext,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const config = withOutbox(given)
  let client: pg.Client | undefined
  try {
    client = await connectSql(config, `tailrace ${context.pipeline} ${context.name} check`, signal)
    const facts = await readServer(client, slotName(config, context))
    const warning = addressWarning(postgresAddress(config))
    return [
      {
        level: 'ok',
        code: 'SOURCE_REACHED',
        message: `${addressName(postgresAddress(config))}, database ${facts.database}`,
      },
      ...(warning === undefined ? [] : [{ level: 'warning' as const, code: 'SOURCE_TLS', message: warning }]),
      ...checkServer(facts, (client as pg.Client & { processID: number }).processID, config, context),
      ...(await checkTables(client, facts, config, context)),
    ]
  } catch (error) {
    signal.throwIfAborted()
    return [errorFinding(postgresError(error, config))]
  } finally {
    if (client !== undefined) endConnection(client)
  }
}
