import type { Finding } from '../../runtime/contract.ts'
import { isTailraceError, type TailraceError } from '../../runtime/errors.ts'
import { formatSize } from '../../runtime/quantity.ts'
import { exactName, isExact } from '../../runtime/select.ts'
import { configuredKey, isWanted, nameOf } from '../common/selection.ts'
import { tableNameOf, tablePatternOf } from '../common/source-options.ts'
import { type Captured, type CatalogPlace, type Surveyed, surveyTables, unsupported } from './catalog.ts'
import { type RelationRow, readRelations } from './catalog-rows.ts'
import { lockGrants } from './check-grants.ts'
import type { MysqlConfig } from './config.ts'
import type { MysqlClient } from './connection.ts'
import { ServerError, serverErrno } from './connection-error.ts'
import type { Grants } from './grants.ts'
import { loggedFindings } from './logged-tables.ts'
import { quoteName, quoteTable } from './quote.ts'
import type { ServerFacts } from './server-facts.ts'
import { Charsets } from './values/charsets.ts'

/** What the tables must offer: keys, engines, privileges, and that all that happens to them is logged. */
export async function checkTables(
  client: MysqlClient,
  facts: ServerFacts,
  grants: Grants,
  place: CatalogPlace,
): Promise<Finding[]> {
  const { config } = place
  const relations = await readRelations(client)
  const { tables, problems } = await surveyTables(client, place)
  const findings = await missingTables(client, config, grants, relations, problems)
  findings.push(...leftOut(config, relations))
  const captured: Captured[] = []
  for (const table of tables) {
    const found = await checkTable(client, config, grants, table)
    findings.push(...found)
    if (found.length === 0 && !isTailraceError(table.captured)) captured.push(table.captured)
  }
  const chosen = captured.map(({ table }) => table)
  findings.push(...lockGrants(facts, grants, new Set(chosen.map(({ schema }) => schema))))
  findings.push(...(await loggedFindings(client, facts, config, chosen)))
  findings.push(...virtualFindings(facts, captured))
  findings.push(...(await charsetFindings(client, captured)))
  if (captured.length > 0) findings.push(summary(captured))
  return findings
}

function asFinding({ code, message, hint }: TailraceError): Finding {
  return { level: 'error', code, message, ...(hint === undefined ? {} : { fix: hint }) }
}

/** A table that the user may not read is not listed: asked for by name the server says so. */
async function missingTables(
  client: MysqlClient,
  config: MysqlConfig,
  grants: Grants,
  relations: readonly RelationRow[],
  problems: readonly TailraceError[],
): Promise<Finding[]> {
  const findings = problems
    .filter(({ code }) => code !== 'TABLE_MISSING' && code !== 'TABLE_UNSUPPORTED')
    .map(asFinding)
  const missing = problems.filter(({ code }) => code === 'TABLE_MISSING')
  const listed = new Set(relations.map(nameOf))
  for (const text of config.tables) {
    const pattern = tablePatternOf(text)
    if (!isExact(pattern) || listed.has(exactName(pattern))) continue
    const [schema, table] = tableNameOf(text)
    const unreadable = await readable(client, grants, { schema: schema!, table: table! })
    if (unreadable !== undefined) findings.push(unreadable)
    else
      findings.push(...missing.filter(({ message }) => message.startsWith(`There is no table ${text}.`)).map(asFinding))
  }
  const none = missing.find(({ message }) => message.startsWith('No table matches'))
  if (none !== undefined) findings.push(unlisted(config, grants) ?? asFinding(none))
  return findings
}

/** Of a database in which the user sees nothing. */
function unlisted({ tables }: MysqlConfig, { account, within }: Grants): Finding | undefined {
  const schemas = tables.map(text => tablePatternOf(text)[0]!).flatMap(part => (part.length === 1 ? [part[0]!] : []))
  const schema = schemas.find(name => !within(name, 'SELECT'))
  if (schema === undefined) return undefined
  return {
    level: 'error',
    code: 'TABLE_UNREADABLE',
    message: `${account} sees no table that matches ${tables.join(', ')}.`,
    fix: `GRANT SELECT ON ${quoteName(schema)}.* TO ${account};`,
  }
}

/** Undefined if all columns of it can be read, or it is not there. */
async function readable(
  client: MysqlClient,
  { account }: Grants,
  table: { readonly schema: string; readonly table: string },
): Promise<Finding | undefined> {
  try {
    await client.query(`SELECT * FROM ${quoteTable(table)} LIMIT 0`)
    return undefined
  } catch (error) {
    const errno = serverErrno(error)
    if (errno === ServerError.tableUnknown || errno === ServerError.databaseUnknown) return undefined
    if (errno !== ServerError.tableAccessDenied && errno !== ServerError.columnAccessDenied) throw error
    return {
      level: 'error',
      code: 'TABLE_UNREADABLE',
      message: `${account} may not read ${nameOf(table)}.`,
      fix: `GRANT SELECT ON ${quoteTable(table)} TO ${account};`,
    }
  }
}

/** Tables that the configuration means and that cannot be captured. A pattern leaves them out without a word. */
function leftOut(config: MysqlConfig, relations: readonly RelationRow[]): Finding[] {
  const exact = new Set(config.tables.map(tablePatternOf).filter(isExact).map(exactName))
  return relations.flatMap(relation => {
    const reason = unsupported(relation)
    const isExactly = exact.has(nameOf(relation))
    const isTable = relation.kind === 'BASE TABLE' || relation.kind === 'SYSTEM VERSIONED'
    if (reason === undefined || !isWanted(config, relation) || !(isExactly || isTable)) return []
    const isMendable = relation.kind === 'BASE TABLE'
    const finding: Finding = {
      level: isExactly ? 'error' : 'warning',
      code: 'TABLE_UNSUPPORTED',
      message: `${nameOf(relation)} ${reason}${isExactly ? '' : ', and is left out'}.`,
      fix: isMendable
        ? `ALTER TABLE ${quoteTable(relation)} ENGINE = InnoDB;`
        : `exclude: [${nameOf(relation)}] -- in the source`,
    }
    return [finding]
  })
}

async function checkTable(
  client: MysqlClient,
  config: MysqlConfig,
  grants: Grants,
  { relation, captured }: Surveyed,
): Promise<Finding[]> {
  const findings: Finding[] = []
  if (isTailraceError(captured)) findings.push(withoutKey(captured, config, relation))
  const unreadable = await readable(client, grants, relation)
  if (unreadable !== undefined) findings.push(unreadable)
  return findings
}

function withoutKey(problem: TailraceError, config: MysqlConfig, relation: RelationRow): Finding {
  const finding = asFinding(problem)
  if (problem.code !== 'TABLE_WITHOUT_KEY' || configuredKey(config, relation.schema, relation.table) !== undefined)
    return finding
  const column = '`row_id` bigint unsigned NOT NULL AUTO_INCREMENT INVISIBLE PRIMARY KEY'
  return {
    ...finding,
    fix: `ALTER TABLE ${quoteTable(relation)} ADD COLUMN ${column}; -- or ADD PRIMARY KEY over columns that it has; or list it under \`appendOnly\`, if its rows are only ever inserted`,
  }
}

/** Seen in 11.8, and not in 10.11: updates come without virtual columns, however whole their images are to be. */
const WITHOUT_VIRTUAL = 110_800

/** Tables of which the first update would stop the source. */
function virtualFindings({ flavor, versionNumber, version }: ServerFacts, captured: readonly Captured[]): Finding[] {
  if (flavor !== 'mariadb' || versionNumber < WITHOUT_VIRTUAL) return []
  return captured.flatMap(({ definition }) => {
    const columns = definition.columns.flatMap(({ column, rule, isLeftOut }) =>
      isLeftOut && rule !== 'exclude' ? [`${nameOf(definition)}.${column.name}`] : [],
    )
    if (columns.length === 0) return []
    return [
      {
        level: 'error',
        code: 'BINLOG_GENERATED',
        message: `MariaDB ${version} logs updates of ${nameOf(definition)} without its virtual columns.`,
        fix: `columns: {exclude: [${columns.join(', ')}]} -- in the source; or make them STORED`,
      } as const,
    ]
  })
}

async function charsetFindings(client: MysqlClient, captured: readonly Captured[]): Promise<Finding[]> {
  const charsets = await Charsets.load(client.flavor, sql => client.query(sql))
  const findings: Finding[] = []
  for (const { definition, relation } of captured) {
    for (const { column, charset, rule } of definition.columns) {
      if (charset === undefined || rule === 'exclude') continue
      await charsets.prepare([charset])
      try {
        charsets.writer(charset, `${nameOf(definition)}.${column.name}`)
      } catch (error) {
        if (!isTailraceError(error)) throw error
        findings.push({ ...asFinding(error), fix: `ALTER TABLE ${relation} CONVERT TO CHARACTER SET utf8mb4;` })
      }
    }
  }
  return findings
}

function summary(captured: readonly Captured[]): Finding {
  const bytes = captured.reduce((sum, one) => sum + (one.estimatedBytes ?? 0), 0)
  const tables = captured.length === 1 ? '1 table' : `${captured.length} tables`
  return { level: 'ok', code: 'SOURCE_TABLES', message: `${tables} to capture, ${formatSize(bytes)}` }
}
