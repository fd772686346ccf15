import type pg from 'pg'
import type { Table } from '../../runtime/contract.ts'
import { isExact, matchesPattern, type Pattern } from '../../runtime/select.ts'
import { tablePatternOf } from '../common/source-options.ts'
import { readRelations } from './catalog-rows.ts'
import type { PostgresConfig } from './config.ts'
import { nameOf, unsupported } from './selection.ts'

export interface Resumed {
  /** With the tables that the log knows in place of patterns with stars. */
  readonly config: PostgresConfig
  /** Tables that a star would match now, and that did not exist when the log began. */
  readonly added: readonly string[]
  /** Tables that the log knows, and that are gone or have another name. */
  readonly gone: readonly string[]
}

/**
 * A log goes on with the tables it began with: what a star matches may have changed since, and a table made later has
 * no load behind it. Names without a star stay, unless the log knows them and they are gone.
 */
export async function resumedTables(
  client: pg.ClientBase,
  config: PostgresConfig,
  known: readonly Table[],
): Promise<Resumed> {
  const excluded = config.exclude.map(tablePatternOf)
  const isExcluded = ({ schema, table }: Named): boolean =>
    excluded.some(pattern => matchesPattern(pattern, [schema, table]))
  const relations = await readRelations(client)
  const existing = relations.filter(relation => unsupported(relation) === undefined && !isExcluded(relation))
  const patterns = config.tables.map(tablePatternOf)
  const starred = patterns.filter(pattern => !isExact(pattern))
  const isStarred = ({ schema, table }: Named): boolean =>
    starred.some(pattern => matchesPattern(pattern, [schema, table])) &&
    !patterns.some(pattern => isExact(pattern) && matchesPattern(pattern, [schema, table]))
  const isWanted = (named: Named): boolean =>
    patterns.some(pattern => matchesPattern(pattern, [named.schema, named.table])) && !isExcluded(named)
  const knownNames = new Set(known.map(nameOf))
  const existingNames = new Set(relations.map(nameOf))
  const gone = known.filter(table => isWanted(table) && !existingNames.has(nameOf(table)))
  const isGone = (pattern: Pattern): boolean =>
    gone.some(({ schema, table }) => matchesPattern(pattern, [schema, table]))
  const tables = config.tables.filter((_, i) => isExact(patterns[i]!) && !isGone(patterns[i]!))
  for (const relation of existing)
    if (isStarred(relation) && knownNames.has(nameOf(relation))) tables.push(nameOf(relation))
  return {
    config: { ...config, tables },
    added: existing.filter(relation => isStarred(relation) && !knownNames.has(nameOf(relation))).map(nameOf),
    gone: [...new Set(gone.map(nameOf))],
  }
}

type Named = Pick<Table, 'schema' | 'table'>
