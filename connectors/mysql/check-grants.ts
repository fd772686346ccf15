import type { Finding } from '../../runtime/contract.ts'
import { isTailraceError } from '../../runtime/errors.ts'
import type { MysqlClient } from './connection.ts'
import { ServerError, serverErrno } from './connection-error.ts'
import type { Grants } from './grants.ts'
import { quoteName } from './quote.ts'
import { needsLock } from './read-view.ts'
import type { ServerFacts } from './server-facts.ts'

/** What the user and the server's other replicas must be like, each with the statement that mends it. */

/** The privileges that hold for the whole server. */
export function globalGrants(facts: ServerFacts, grants: Grants): Finding[] {
  const client = facts.flavor === 'mysql' ? 'REPLICATION CLIENT' : 'BINLOG MONITOR'
  const findings = [
    privilege(grants, 'REPLICATION SLAVE', ['REPLICATION SLAVE'], 'read the binary log'),
    privilege(grants, client, [client, 'SUPER'], 'see where the binary log ends'),
  ]
  if (needsLock(facts))
    findings.push(privilege(grants, 'RELOAD', ['RELOAD', 'FLUSH_TABLES'], 'lock tables while a load begins'))
  return findings
}

function privilege(grants: Grants, name: string, any: readonly string[], purpose: string): Finding {
  const code = 'SOURCE_GRANTS'
  if (grants.anywhere(...any)) return { level: 'ok', code, message: `${grants.account} has ${name}` }
  return {
    level: 'error',
    code,
    message: `${grants.account} may not ${purpose}.`,
    fix: `GRANT ${name} ON *.* TO ${grants.account};`,
  }
}

/** Without GTIDs the tables of a load are locked for a moment. */
export function lockGrants(facts: ServerFacts, grants: Grants, schemas: Iterable<string>): Finding[] {
  const findings: Finding[] = []
  if (!needsLock(facts)) return findings
  for (const schema of schemas)
    if (!grants.within(schema, 'LOCK TABLES'))
      findings.push({
        level: 'error',
        code: 'SOURCE_GRANTS',
        message: `${grants.account} may not lock tables of ${schema} while a load begins.`,
        fix: `GRANT LOCK TABLES ON ${quoteName(schema)}.* TO ${grants.account};`,
      })
  return findings
}

/** Whether another replica, or the server itself, has the id that the source reads under. */
export async function serverIds(client: MysqlClient, facts: ServerFacts, own: number): Promise<Finding> {
  const code = 'SERVER_ID_CLASH'
  const taken = new Set([Number(facts.variables.get('server_id') ?? '0'), ...(await replicaIds(client, facts))])
  if (!taken.has(own)) return { level: 'ok', code, message: `reads as replica ${own}` }
  let free = own
  while (taken.has(free)) free = free > 1 ? free - 1 : 2 ** 32 - 1
  return {
    level: 'error',
    code,
    message: `Another replica of the server, or the server itself, has the id ${own}.`,
    fix: `serverId: ${free} -- in the source`,
  }
}

/** Those that have registered; none where the user may not see them. */
async function replicaIds(client: MysqlClient, { flavor, versionNumber }: ServerFacts): Promise<number[]> {
  const isNew = flavor === 'mysql' && versionNumber >= 80_022
  try {
    const rows = await client.query(isNew ? 'SHOW REPLICAS' : 'SHOW SLAVE HOSTS')
    return rows.map(([id]) => Number(id))
  } catch (error) {
    if (isTailraceError(error) && serverErrno(error) === ServerError.specificAccessDenied) return []
    throw error
  }
}
