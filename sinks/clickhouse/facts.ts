import type { Finding } from '../../runtime/contract.ts'
import type { Client } from './client.ts'
import { quote, text } from './sql.ts'
import { STATE_TABLE } from './state.ts'

/** The first with `is_deleted` and FINAL that goes by it, and limits on dropping that a statement may lift. */
const OLDEST = 24
/** Engines of databases whose tables change places at once. */
const GOOD_ENGINES = ['Atomic', 'Replicated', 'Shared', 'Overlay']
const RIGHTS = ['CREATE TABLE', 'SELECT', 'INSERT', 'ALTER', 'TRUNCATE', 'DROP TABLE']

/** Servers before 24.11 know no CHECK GRANT. */
const SYNTAX_ERROR = 62

interface Facts {
  readonly version: string
  readonly user: string
  readonly engine: string
}

/** What of the server the sink needs. */
export async function findingsOf(client: Client, signal: AbortSignal): Promise<Finding[]> {
  const [facts] = await client.rows<Facts>(
    `SELECT version() AS version, currentUser() AS user,
       (SELECT any(engine) FROM system.databases WHERE name = ${text(client.database)}) AS engine`,
    signal,
  )
  const { version, user, engine } = facts!
  const findings: Finding[] = [
    { level: 'ok', code: 'TARGET_REACHED', message: `ClickHouse ${version} answers at ${client.server}.` },
  ]
  if (Number(version.split('.')[0]) < OLDEST)
    findings.push({
      level: 'error',
      code: 'SINK_VERSION',
      message: `The server is of version ${version}.`,
      fix: `Use ClickHouse ${OLDEST}.3 or later.`,
    })
  if (engine === '')
    findings.push({
      level: 'error',
      code: 'SINK_SCHEMA',
      message: `There is no database "${client.database}".`,
      fix: `CREATE DATABASE ${quote(client.database)}`,
    })
  else if (!GOOD_ENGINES.includes(engine))
    findings.push({
      level: 'error',
      code: 'SINK_SCHEMA',
      message: `Database "${client.database}" has the engine ${engine}, whose tables cannot change places.`,
      fix: 'Name a database of engine Atomic, the default, in `url`.',
    })
  return [...findings, ...(await missingRights(client, user, signal))]
}

/** Tables of the url's database stand for those of the others. */
async function missingRights(client: Client, user: string, signal: AbortSignal): Promise<Finding[]> {
  const missing: string[] = []
  for (const right of RIGHTS) {
    const sql = `CHECK GRANT ${right} ON ${quote(client.database)}.${quote(STATE_TABLE)} FORMAT TabSeparated`
    const answer = await client.ask(sql, signal, { accept: [SYNTAX_ERROR] })
    if (answer?.toString().trim() === '0') missing.push(right)
  }
  if (missing.length === 0) return []
  return [
    {
      level: 'error',
      code: 'SINK_AUTH',
      message: `User ${user} lacks ${missing.join(', ')}.`,
      fix: `GRANT CREATE DATABASE, ${RIGHTS.join(', ')} ON *.* TO ${user}`,
    },
  ]
}
