import type { Column, Table } from '../../runtime/contract.ts'
import { isTailraceError, TailraceError } from '../../runtime/errors.ts'
import { isOutbox } from '../common/event-options.ts'
import { type EventRoute, routeOf } from '../common/event-route.ts'
import type { ColumnRule } from '../common/mask.ts'
import { type RowPlan, rowPlan } from '../common/row-plan.ts'
import { columnRules, configuredKey, isAppendOnly, missingColumns, nameOf, selectTables } from '../common/selection.ts'
import { type ColumnRow, placeOf, type RelationRow, readRelations, readTables, type TableRows } from './catalog-rows.ts'
import type { MysqlConfig } from './config.ts'
import type { MysqlClient } from './connection.ts'
import { type Definition, definitionOf, originOf } from './definition.ts'
import type { Numbering, NumberOptions } from './numbering.ts'
import { quoteTable } from './quote.ts'
import { canonicalDeclared, fits } from './values/declared.ts'
import { logicalTypeOf } from './values/logical-type.ts'
import type { Flavor } from './wire-column.ts'

/** A table to capture, at one of its versions. */
export interface Captured {
  readonly table: Table
  readonly definition: Definition
  /** How its rows become rows of the Table. */
  readonly plan: RowPlan
  /** Of an outbox. */
  readonly route: EventRoute | undefined
  /** `\`database\`.\`table\``. */
  readonly relation: string
  readonly estimatedRows: number | null
  readonly estimatedBytes: number | null
  /** Throw it (MASK_LOST) unless the table is loaded anew. */
  readonly lost: TailraceError | undefined
}

/** A table that the configuration names: captured, or why not. */
export interface Surveyed {
  readonly relation: RelationRow
  readonly captured: Captured | TailraceError
}

export interface CatalogPlace {
  readonly config: MysqlConfig
  readonly numbering: Numbering
  readonly flavor: Flavor
}

/** Whose rows a consistent snapshot shows, and whose transactions can be told apart. */
const ENGINES = new Set(['innodb', 'rocksdb'])

/** Why changes of a relation cannot be followed; undefined if they can. */
export function unsupported({ kind, engine }: RelationRow): string | undefined {
  switch (kind) {
    case 'VIEW':
    case 'SYSTEM VIEW':
      return 'is a view: capture the tables it reads'
    case 'SEQUENCE':
      return 'is a sequence: it has no rows'
    case 'SYSTEM VERSIONED':
      return 'is system-versioned: the rows of its history cannot be told from its own'
  }
  if (!ENGINES.has(engine.toLowerCase()))
    return `is kept by the engine ${engine || '(none)'}, without transactions: ALTER TABLE it to ENGINE=InnoDB`
  return undefined
}

/**
 * Everything that the configuration names, as it is now: nothing is thrown for what cannot be captured. `problems`: names
 * of tables and columns that are nowhere.
 */
export async function surveyTables(
  client: MysqlClient,
  place: CatalogPlace,
): Promise<{ readonly tables: readonly Surveyed[]; readonly problems: readonly TailraceError[] }> {
  const { config } = place
  const { chosen, problems } = selectTables(config, {
    relations: await readRelations(client),
    unsupported,
    toBeSeen: 'the user needs SELECT on it',
  })
  const found = await readTables(client, chosen)
  const tables: Surveyed[] = []
  const named: { schema: string; table: string; columns: string[] }[] = []
  for (const relation of chosen) {
    const rows = found.get(placeOf(relation.schema, relation.table))
    if (rows === undefined) continue
    named.push({ ...relation, columns: rows.columns.map(({ name }) => name) })
    tables.push({ relation, captured: tryCapture(relation, rows, place) })
  }
  return { tables, problems: [...problems, ...missingColumns(config, named)] }
}

/** The tables that the configuration names, by name. Throws TABLE_MISSING, TABLE_WITHOUT_KEY, TABLE_UNSUPPORTED, CONFIG_COLUMN. */
export async function captureTables(client: MysqlClient, place: CatalogPlace): Promise<Captured[]> {
  const { tables, problems } = await surveyTables(client, place)
  if (problems[0] !== undefined) throw problems[0]
  return tables.map(({ captured }) => {
    if (isTailraceError(captured)) throw captured
    return captured
  })
}

/** Whether the catalog still has the table with the columns and the key that it was captured with. */
export async function isAsCaptured(
  client: MysqlClient,
  place: CatalogPlace,
  { definition }: Pick<Captured, 'definition'>,
): Promise<boolean> {
  const rows = (await readTables(client, [definition])).get(placeOf(definition.schema, definition.table))
  if (rows === undefined) return false
  const now = definitionHere(definition, rows, place)
  return (
    now.columns.length === definition.columns.length &&
    now.key.join('\0') === definition.key.join('\0') &&
    now.columns.every(({ column: { name, declared } }, i) => {
      const then = definition.columns[i]!.column
      return name === then.name && (declared === then.declared || fits(declared, then.declared))
    })
  )
}

export function captured(
  definition: Definition,
  { config, numbering }: CatalogPlace,
  relation?: Pick<RelationRow, 'rows' | 'bytes'>,
  options?: NumberOptions,
): Captured {
  const { version, lost } = numbering.number(definition, options)
  return {
    table: version,
    definition,
    route: routeOf(config, version, numbering),
    plan: rowPlan(
      definition.columns.map(({ rule }) => rule),
      false,
      config.maskKey,
    ),
    relation: quoteTable(definition),
    estimatedRows: relation?.rows ?? null,
    estimatedBytes: relation?.bytes ?? null,
    lost,
  }
}

/** The table as the log has it, if its columns are read as they were then; else as it is now. */
export function capturedAsLogged(now: Captured, logged: Table | undefined, place: CatalogPlace): Captured {
  const { config, numbering } = place
  if (logged === undefined || logged.id === now.table.id) return now
  const names = originOf(logged).columns.map(([name]) => name)
  const rules = columnRules(config, logged.schema, logged.table, names)
  const wasRead = names.every((name, i) => {
    const column = logged.columns.find(one => one.name === name)
    return (column === undefined) === (rules[i] === 'exclude') && (column?.masked === true) === isMask(rules[i]!)
  })
  if (!wasRead || originOf(logged).mask !== originOf(now.table).mask) return now
  const definition = definitionOf(logged, rules, now.definition)
  const route = routeOf(config, logged, numbering)
  return { ...now, table: logged, definition, route, plan: rowPlan(rules, false, config.maskKey), lost: undefined }
}

function isMask(rule: ColumnRule): boolean {
  return rule !== 'keep' && rule !== 'exclude'
}

function tryCapture(relation: RelationRow, rows: TableRows, place: CatalogPlace): Captured | TailraceError {
  try {
    return captured(definitionHere(relation, rows, place), place, relation)
  } catch (error) {
    if (isTailraceError(error)) return error
    throw error
  }
}

/** Throws TABLE_WITHOUT_KEY. */
function definitionHere(
  { schema, table }: { readonly schema: string; readonly table: string },
  rows: TableRows,
  { config, flavor }: CatalogPlace,
): Definition {
  const appendOnly = isAppendOnly(config, schema, table)
  const routed = isOutbox(config, schema, table)
  const names = rows.columns.map(({ name }) => name)
  const rules = columnRules(config, schema, table, names)
  return {
    schema,
    table,
    appendOnly,
    routed,
    columns: rows.columns.map((row, i) => ({
      column: columnOf(row, flavor),
      rule: rules[i]!,
      charset: row.charset,
      isAddedNull: row.isAddedNull,
      isLeftOut: row.isVirtual && flavor === 'mariadb',
    })),
    key: routed ? [] : keyOf({ schema, table }, rows, config, appendOnly),
  }
}

function columnOf({ name, type, nullable }: ColumnRow, flavor: Flavor): Column {
  const declared = canonicalDeclared(type, flavor)
  return { name, type: logicalTypeOf(declared), declared, nullable }
}

/** The primary key, else the unique index that is named, else the first whose columns all hold values. */
function keyOf(
  name: { readonly schema: string; readonly table: string },
  { unique }: TableRows,
  config: MysqlConfig,
  appendOnly: boolean,
): string[] {
  const named = configuredKey(config, name.schema, name.table)
  const usable = [...unique.values()].filter(([first, ...rest]) => {
    const columns = [first!, ...rest]
    if (first!.index === 'PRIMARY') return true
    return columns.every(({ column, isPrefix, nullable }) => column !== '' && !isPrefix && !nullable)
  })
  const index = named === undefined ? usable[0] : usable.find(([first]) => first!.index === named)
  if (index !== undefined) return index.map(({ column }) => column)
  if (appendOnly) return []
  throw new TailraceError(
    'TABLE_WITHOUT_KEY',
    'stop',
    named === undefined
      ? `${nameOf(name)} has no primary key and no unique index of columns that are NOT NULL.`
      : `${nameOf(name)} has no unique index ${named} whose columns are NOT NULL.`,
    {
      hint: `ALTER TABLE ${quoteTable(name)} ADD PRIMARY KEY (...); or list it under \`appendOnly\`, if its rows are only ever inserted.`,
    },
  )
}
