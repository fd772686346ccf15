import type pg from 'pg'
import type { Table } from '../../runtime/contract.ts'
import { isExact, matchesPattern } from '../../runtime/select.ts'
import { readRelations } from './catalog-rows.ts'
import { type PostgresConfig, tablePatternOf } from './config.ts'
import { nameOf, unsupported } from './selection.ts'

export interface Resumed {
  /** With the tables that the log knows in place of patterns with stars. */
  readonly config: PostgresConfig
  /** Tables that a star would match now, and that did not exist when the log began. */
  readonly added: readonly string[]
  /** Tables that the log knows by a star, and that are gone. */
  readonly gone: readonly string[]
}

/**
 * A log goes on with the tables it began with: what a star matches may have changed since, and a table made later has
 * no load behind it. Names without a star stay as they are.
 */
export async function resumedTables(
  client: pg.ClientBase,
  config: PostgresConfig,
  known: readonly Table[],
): Promise<Resumed> {
  const excluded = config.exclude.map(tablePatternOf)
  const existing = (await readRelations(client)).filter(
    relation =>
      unsupported(relation) === undefined &&
      !excluded.some(pattern => matchesPattern(pattern, [relation.schema, relation.table])),
  )
  const patterns = config.tables.map(tablePatternOf)
  const starred = patterns.filter(pattern => !isExact(pattern))
  const isStarred = ({ schema, table }: { schema: string; table: string }): boolean =>
    starred.some(pattern => matchesPattern(pattern, [schema, table])) &&
    !patterns.some(pattern => isExact(pattern) && matchesPattern(pattern, [schema, table]))
  const knownNames = new Set(known.map(nameOf))
  const existingNames = new Set(existing.map(nameOf))
  const tables = config.tables.filter((_, i) => isExact(patterns[i]!))
  for (const relation of existing)
    if (isStarred(relation) && knownNames.has(nameOf(relation))) tables.push(nameOf(relation))
  return {
    config: { ...config, tables },
    added: existing.filter(relation => isStarred(relation) && !knownNames.has(nameOf(relation))).map(nameOf),
    gone: [...new Set(known.filter(isStarred).map(nameOf))].filter(name => !existingNames.has(name)),
  }
}
