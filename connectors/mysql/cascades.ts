import type { Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { nameOf } from '../common/selection.ts'
import { placeOf } from './catalog-rows.ts'
import type { MysqlConfig } from './config.ts'
import { ServerError, serverErrno } from './connection-error.ts'
import type { Queries } from './queries.ts'
import { quoteTable, sqlList } from './quote.ts'
import type { ServerFacts } from './server-facts.ts'

/** A foreign key through which rows of a captured table change, and no event tells of it. */
export interface UnloggedCascade {
  /** The captured one, whose rows change. */
  readonly child: Table
  readonly constraint: string
  /** `ON DELETE CASCADE`, as the server prints it; one for each of its actions. */
  readonly actions: readonly string[]
}

/** A foreign key in what SHOW CREATE TABLE prints, on a line of its own. */
const CONSTRAINT = /^\s*CONSTRAINT `(.+?)` FOREIGN KEY \(/
/** All that stands behind its columns. */
const ACTIONS = /(?: ON (?:DELETE|UPDATE) (?:CASCADE|SET NULL|SET DEFAULT|RESTRICT|NO ACTION))+(?=,?$)/
const CHANGING = /ON (?:DELETE|UPDATE) (?:CASCADE|SET NULL|SET DEFAULT)/g

/**
 * Whether the server logs what foreign keys change: MySQL does from 9.6 on, where its SQL layer follows them; with
 * innodb_native_foreign_keys, and in everything else, InnoDB does it unseen.
 */
export function logsCascades({ flavor, variables }: ServerFacts): boolean {
  return flavor === 'mysql' && /^(off|0)$/i.test(variables.get('innodb_native_foreign_keys') ?? 'ON')
}

/**
 * Foreign keys of `tables` by which the server changes their rows without events, as they are now. MariaDB shows
 * REFERENTIAL_CONSTRAINTS to none who may only SELECT: what is declared is read from the tables themselves.
 */
export async function unloggedCascades(
  client: Queries,
  facts: ServerFacts,
  tables: readonly Table[],
): Promise<UnloggedCascade[]> {
  if (logsCascades(facts) || tables.length === 0) return []
  const byPlace = new Map(tables.map(table => [placeOf(table.schema, table.table), table]))
  const schemas = sqlList([...new Set(tables.map(({ schema }) => schema))])
  const rows = await client.query(
    `SELECT DISTINCT TABLE_SCHEMA, TABLE_NAME FROM information_schema.KEY_COLUMN_USAGE
     WHERE TABLE_SCHEMA IN (${schemas}) AND REFERENCED_TABLE_NAME IS NOT NULL`,
  )
  const found: UnloggedCascade[] = []
  for (const [schema, table] of rows) {
    const child = byPlace.get(placeOf(schema!, table!))
    if (child === undefined) continue
    for (const declared of declaredCascades(await showCreate(client, child))) found.push({ child, ...declared })
  }
  return found
}

/** The same, those that the configuration provides for. Throws CASCADES_UNLOGGED if there are others. */
export async function requireCascades(
  client: Queries,
  facts: ServerFacts,
  { cascades }: Pick<MysqlConfig, 'cascades'>,
  tables: readonly Table[],
): Promise<UnloggedCascade[]> {
  const found = await unloggedCascades(client, facts, tables)
  // Without a key there is nothing to compare rows by.
  const refused = found.filter(({ child }) => cascades === undefined || child.key.length === 0)
  if (refused.length > 0) throw cascadesUnlogged(refused, facts)
  return found
}

/** The foreign keys with actions that change rows, of what SHOW CREATE TABLE printed. */
export function declaredCascades(statement: string): Omit<UnloggedCascade, 'child'>[] {
  const found: Omit<UnloggedCascade, 'child'>[] = []
  for (const line of statement.split('\n')) {
    // MariaDB 10.11 prints a quote within the name as it is, 11.8 and MySQL twice.
    const name = CONSTRAINT.exec(line)?.[1]?.replaceAll('``', '`')
    const actions = ACTIONS.exec(line)?.[0].match(CHANGING) ?? []
    if (name !== undefined && actions.length > 0) found.push({ constraint: name, actions })
  }
  return found
}

/** Empty: it is gone meanwhile. */
async function showCreate(client: Queries, table: Table): Promise<string> {
  try {
    const [row] = await client.query(`SHOW CREATE TABLE ${quoteTable(table)}`)
    return row?.[1] ?? ''
  } catch (error) {
    if (serverErrno(error) === ServerError.tableUnknown) return ''
    throw error
  }
}

/** For the start, and as the text of a finding: why they are not followed, and both ways out. */
export function cascadesUnlogged(cascades: readonly UnloggedCascade[], { flavor }: ServerFacts): TailraceError {
  const [first, ...others] = cascades
  const more = others.length === 0 ? '' : `, and by ${others.length} more`
  const newer = flavor === 'mysql' ? ' MySQL logs them from 9.6 on, with innodb_native_foreign_keys = OFF.' : ''
  return new TailraceError(
    'CASCADES_UNLOGGED',
    'stop',
    `The server does not log how rows of ${nameOf(first!.child)} change by foreign key ${first!.constraint} (${first!.actions.join(', ')})${more}.`,
    {
      hint: `Give the source \`cascades: {resync: 15m}\`: those tables are then compared that often, if they have a key. Or let the application change the rows itself: ON DELETE RESTRICT ON UPDATE RESTRICT.${newer}`,
    },
  )
}
