import { TailraceError } from '../../runtime/errors.ts'
import { exactName, isExact, matchesPattern, type Pattern, qualifiedName, quotePart } from '../../runtime/select.ts'
import { didYouMean } from '../../runtime/suggest.ts'
import { type EventOptions, eventColumns, eventSchemas, isOutbox } from './event-options.ts'
import type { ColumnRule } from './mask.ts'
import { columnPatternOf, tableNameOf, tablePatternOf } from './source-options.ts'

/** Which tables and columns the configuration means. */

export interface Named {
  readonly schema: string
  readonly table: string
}

/** Options of a source (source-options.ts, event-options.ts). */
export interface TableOptions extends EventOptions {
  readonly tables: readonly string[]
  readonly exclude: readonly string[]
}

/** Options of a source (source-options.ts, event-options.ts). */
export interface ColumnOptions extends EventOptions {
  readonly columns: {
    readonly exclude: readonly string[]
    readonly mask: Readonly<Record<string, Exclude<ColumnRule, 'keep' | 'exclude'>>>
  }
}

/** What a database has: tables, and views and other relations that are like them. */
export interface Listed<R extends Named> {
  readonly relations: readonly R[]
  /** Why changes of a relation cannot be followed, as `is a view`; undefined if they can. */
  readonly unsupported: (relation: R) => string | undefined
  /** What a name must have to be listed, as `the role needs USAGE on the schema`. */
  readonly toBeSeen: string
}

/** The tables by name, and what keeps others out: TABLE_MISSING, TABLE_UNSUPPORTED. */
export interface Selection<R> {
  readonly chosen: readonly R[]
  readonly problems: readonly TailraceError[]
}

export function selectTables<R extends Named>(
  config: TableOptions,
  { relations, unsupported, toBeSeen }: Listed<R>,
): Selection<R> {
  const isExcluded = excluder(config)
  const reserved = eventSchemas(config)
  const chosen = new Set<R>()
  const problems: TailraceError[] = []
  const byName = new Map(relations.map(relation => [nameOf(relation), relation]))
  for (const text of config.tables) {
    const pattern = tablePatternOf(text)
    const matching = isExact(pattern)
      ? [byName.get(exactName(pattern))].filter(relation => relation !== undefined)
      : relations.filter(({ schema, table }) => matchesPattern(pattern, [schema, table]))
    if (isExact(pattern) && matching.length === 0) problems.push(missingTable(text, relations.map(nameOf), toBeSeen))
    for (const relation of matching) {
      if (isExcluded(relation)) continue
      if (reserved.includes(relation.schema)) {
        problems.push(reservedSchema(relation))
        continue
      }
      const reason = unsupported(relation)
      if (reason === undefined) chosen.add(relation)
      else if (isExact(pattern))
        problems.push(
          new TailraceError('TABLE_UNSUPPORTED', 'stop', `${nameOf(relation)} ${reason}.`, {
            hint: 'Change `tables` of the source.',
          }),
        )
    }
  }
  if (chosen.size === 0 && problems.length === 0)
    problems.push(
      new TailraceError('TABLE_MISSING', 'stop', `No table matches ${config.tables.join(', ')}.`, {
        hint: 'Patterns are schema.table, exact and case-sensitive; `exclude` wins. `tailrace init` lists the tables.',
      }),
    )
  const named = [...chosen].map(relation => ({ name: nameOf(relation), relation }))
  named.sort((a, b) => (a.name < b.name ? -1 : 1))
  return { chosen: named.map(({ relation }) => relation), problems }
}

/** Whether the configuration names a table of this name. */
export function isWanted(config: TableOptions, { schema, table }: Named): boolean {
  return matchesAny(config.tables.map(tablePatternOf), [schema, table]) && !excluder(config)({ schema, table })
}

/** What `exclude` leaves out: a pattern there does not mean the outbox, which is no captured table. */
export function excluder(config: TableOptions): (named: Named) => boolean {
  const patterns = config.exclude.map(tablePatternOf)
  return ({ schema, table }) => matchesAny(patterns, [schema, table]) && !isOutbox(config, schema, table)
}

export function isAppendOnly(
  { appendOnly }: { readonly appendOnly: readonly string[] },
  schema: string,
  table: string,
): boolean {
  return matchesAny(appendOnly.map(tablePatternOf), [schema, table])
}

/** The index that `keys` names for this table. */
export function configuredKey(
  { keys }: { readonly keys: Readonly<Record<string, string>> },
  schema: string,
  table: string,
): string | undefined {
  for (const [name, index] of Object.entries(keys)) {
    const [keySchema, keyTable] = tableNameOf(name)
    if (keySchema === schema && keyTable === table) return index
  }
  return undefined
}

/** The rule of each column. Exclusion wins; of several masks the one written first. Of an outbox what no event has is excluded. */
export function columnRules(
  config: ColumnOptions,
  schema: string,
  table: string,
  columns: readonly string[],
): ColumnRule[] {
  const excluded = config.columns.exclude.map(columnPatternOf)
  const masks = Object.entries(config.columns.mask).map(([text, mask]) => ({ pattern: columnPatternOf(text), mask }))
  const { outbox } = config
  const ofEvents = outbox !== undefined && isOutbox(config, schema, table) ? eventColumns(outbox) : undefined
  return columns.map(column => {
    const parts = [schema, table, column]
    if (matchesAny(excluded, parts) || ofEvents?.includes(column) === false) return 'exclude'
    return masks.find(({ pattern }) => matchesPattern(pattern, parts))?.mask ?? 'keep'
  })
}

/** CONFIG_COLUMN for each exact column name of the configuration that is nowhere: its values would pass unmasked. */
export function missingColumns(
  config: ColumnOptions,
  tables: readonly (Named & { readonly columns: readonly string[] })[],
): TailraceError[] {
  const names = tables.flatMap(({ schema, table, columns }) => columns.map(column => [schema, table, column]))
  const wanted = [...config.columns.exclude, ...Object.keys(config.columns.mask)].filter(text => {
    const pattern = columnPatternOf(text)
    return isExact(pattern) && !names.some(parts => matchesPattern(pattern, parts))
  })
  return wanted.map(
    text =>
      new TailraceError('CONFIG_COLUMN', 'stop', `No captured table has the column ${text}.`, {
        hint: `${suggestion(text, names.map(qualifiedName))}Names are exact and case-sensitive: a wrong one would let its values pass.`,
      }),
  )
}

function missingTable(text: string, known: readonly string[], toBeSeen: string): TailraceError {
  return new TailraceError('TABLE_MISSING', 'stop', `There is no table ${text}.`, {
    hint: `${suggestion(text, known)}Names are exact and case-sensitive, and ${toBeSeen}.`,
  })
}

function reservedSchema(relation: Named): TailraceError {
  return new TailraceError(
    'EVENT_SCHEMA',
    'stop',
    `${nameOf(relation)} cannot be captured: the tables of events have the schema ${quotePart(relation.schema)}.`,
    { hint: 'Exclude it, or give the events another schema: `outbox.schema` of the source.' },
  )
}

/** A name that is near, or the same table in another schema. */
function suggestion(written: string, known: readonly string[]): string {
  const tail = written.slice(written.indexOf('.')).toLowerCase()
  const elsewhere = known.find(name => name.toLowerCase().endsWith(tail))
  const hint = didYouMean(written, known) ?? (elsewhere === undefined ? undefined : `did you mean "${elsewhere}"?`)
  return hint === undefined ? '' : `${hint[0]!.toUpperCase()}${hint.slice(1)} `
}

export function nameOf({ schema, table }: Named): string {
  return qualifiedName([schema, table])
}

function matchesAny(patterns: readonly Pattern[], parts: readonly string[]): boolean {
  return patterns.some(pattern => matchesPattern(pattern, parts))
}
