import type { Finding, Table } from '../../runtime/contract.ts'
import { isTailraceError } from '../../runtime/errors.ts'
import { formatSeconds } from '../../runtime/quantity.ts'
import { someOf } from '../../runtime/some-of.ts'
import { nameOf } from '../common/selection.ts'
import { cascadesUnlogged, requireCascades, type UnloggedCascade, unloggedCascades } from './cascades.ts'
import type { MysqlConfig } from './config.ts'
import type { MysqlClient } from './connection.ts'
import { ServerError, serverErrno } from './connection-error.ts'
import { foldName } from './ddl/names.ts'
import { option, requireFine } from './prerequisites.ts'
import { binlogStatus } from './read-view.ts'
import type { ServerFacts } from './server-facts.ts'

/** What happens to captured tables and does not come to the binary log. */

/** Answers the foreign keys whose changes are compared instead. Throws SOURCE_BINLOG_FILTER, CASCADES_UNLOGGED. */
export async function requireLogged(
  client: MysqlClient,
  facts: ServerFacts,
  config: Pick<MysqlConfig, 'cascades'>,
  tables: readonly Table[],
): Promise<UnloggedCascade[]> {
  await requireUnfiltered(client, facts, tables)
  return await requireCascades(client, facts, config, tables)
}

/** Throws SOURCE_BINLOG_FILTER. */
export async function requireUnfiltered(
  client: MysqlClient,
  facts: ServerFacts,
  tables: readonly Table[],
): Promise<void> {
  requireFine(await filterFindings(client, facts, tables))
}

/** Of databases that are left out, and of foreign keys. Empty: there is nothing amiss. */
export async function loggedFindings(
  client: MysqlClient,
  facts: ServerFacts,
  config: Pick<MysqlConfig, 'cascades'>,
  tables: readonly Table[],
): Promise<Finding[]> {
  return [...(await filterFindings(client, facts, tables)), ...(await cascadeFindings(client, facts, config, tables))]
}

async function filterFindings(client: MysqlClient, facts: ServerFacts, tables: readonly Table[]): Promise<Finding[]> {
  const fold = (name: string): string => foldName(name, facts.lowerCaseTableNames)
  const names = (list: string | null | undefined): string[] => (list ? list.split(',').map(fold) : [])
  let status: Awaited<ReturnType<typeof binlogStatus>>
  try {
    status = await binlogStatus(client, facts)
  } catch (error) {
    // `check` names the privilege, and without it no source starts.
    if (isTailraceError(error) && serverErrno(error) === ServerError.specificAccessDenied) return []
    throw error
  }
  const only = names(status?.[2])
  const ignored = names(status?.[3])
  const code = 'SOURCE_BINLOG_FILTER'
  const schemas = [...new Set(tables.map(({ schema }) => schema))]
  const findings: Finding[] = []
  for (const schema of schemas) {
    if (only.length > 0 && !only.includes(fold(schema)))
      findings.push({
        level: 'error',
        code,
        message: `The binary log has nothing of ${schema}: binlog_do_db names other databases only.`,
        fix: option('binlog_do_db', schema),
      })
    if (only.length === 0 && ignored.includes(fold(schema)))
      findings.push({
        level: 'error',
        code,
        message: `The binary log has nothing of ${schema}: binlog_ignore_db leaves it out.`,
        fix: `Take binlog_ignore_db = ${schema} out of the server’s configuration; then restart it.`,
      })
  }
  return findings
}

async function cascadeFindings(
  client: MysqlClient,
  facts: ServerFacts,
  { cascades }: Pick<MysqlConfig, 'cascades'>,
  tables: readonly Table[],
): Promise<Finding[]> {
  const found = await unloggedCascades(client, facts, tables)
  const code = 'CASCADES_UNLOGGED'
  if (found.length === 0) return []
  const findings: Finding[] = []
  // Without a key there is nothing to compare rows by.
  const compared = found.filter(({ child }) => cascades !== undefined && child.key.length > 0)
  if (cascades !== undefined && compared.length > 0) {
    const names = someOf([...new Set(compared.map(({ child }) => nameOf(child)))])
    const time = formatSeconds(cascades.resync / 1000)
    findings.push({ level: 'ok', code, message: `changes that foreign keys make in ${names} are seen within ${time}` })
  }
  const isNative = facts.variables.has('innodb_native_foreign_keys')
  const refused = found.filter(one => !compared.includes(one))
  const byName = refused.toSorted((a, b) => (a.child.name < b.child.name ? -1 : 1))
  const errors = byName.map(
    (one): Finding => ({
      level: 'error',
      code,
      message: cascadesUnlogged([one], facts).message,
      fix: isNative ? option('innodb_native_foreign_keys', 'OFF') : edit(one.child),
    }),
  )
  return [...findings, ...errors]
}

/** Of the source's configuration. */
function edit(child: Table): string {
  if (child.key.length === 0) return `exclude: [${nameOf(child)}] -- in the source; or give the table a key`
  return 'cascades: { resync: 15m } -- in the source: the table is compared as often; or name it under `exclude`'
}
