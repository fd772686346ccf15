import { isExact, matchesPattern, type Pattern } from '../../runtime/select.ts'
import { excluder, type Listed, type Named, nameOf, type TableOptions } from './selection.ts'
import { tablePatternOf } from './source-options.ts'

export interface Resumed<C> {
  /** With the tables that the log knows in place of patterns with stars. */
  readonly config: C
  /** Tables that a star would match now, and that did not exist when the log began. */
  readonly added: readonly string[]
  /** Tables that the log knows, and that are gone or have another name. */
  readonly gone: readonly string[]
}

/**
 * A log goes on with the tables it began with: what a star matches may have changed since, and a table made later has
 * no load behind it. Names without a star stay, unless the log knows them and they are gone.
 */
export function resumedTables<C extends TableOptions, R extends Named>(
  config: C,
  { relations, unsupported }: Listed<R>,
  known: readonly Named[],
): Resumed<C> {
  const isExcluded = excluder(config)
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
