import type pg from 'pg'
import type { Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { routeOf } from '../common/event-route.ts'
import { rowPlan } from '../common/row-plan.ts'
import { columnRules, nameOf } from '../common/selection.ts'
import { byName } from '../common/versions-by-name.ts'
import { type Captured, identityOf } from './capture.ts'
import { filesOf, readTables, type TableRows } from './catalog-rows.ts'
import type { PostgresConfig } from './config.ts'
import { type DefinedColumn, type Definition, originOf } from './definition.ts'
import type { Relation, RelationColumn } from './relation.ts'
import { Numbering } from './table-version.ts'
import { formatTypes, holdsAnyByte, loadTypes, logicalType } from './types.ts'
import { unknownColumns } from './unknown-types.ts'

/** Table versions from the stream: each row is decoded by the Relation message before it, never by today's catalog. */

/** Whether the stream's rows still have the columns of `current`. Relation messages also come after an ANALYZE. */
export function isSameRelation(current: Captured, relation: Relation): boolean {
  if (relation.oid !== current.oid || relation.columns.length !== current.columns.length) return false
  const isSameColumn = (column: RelationColumn, i: number): boolean => {
    const known = current.columns[i]!
    return column.name === known.name && column.typeOid === known.typeOid && column.typmod === known.typmod
  }
  if (!relation.columns.every(isSameColumn)) return false
  if (current.appendOnly) return true
  return identityOf(relation.identity) === current.identity && hasSameKey(current, relation)
}

/** Under REPLICA IDENTITY FULL the message flags every column, which confirms nothing (R6.7). */
function hasSameKey(current: Captured, relation: Relation): boolean {
  if (relation.identity === 'f') return true
  const flagged = relation.columns.filter(({ key }) => key).map(({ name }) => name)
  const key = current.table.key.map(i => current.table.columns[i]!.name)
  return flagged.length === key.length && key.every(name => flagged.includes(name))
}

/**
 * The table as a Relation message describes it: `current` itself if nothing changed, else with a new Table version
 * (or a known one equal to it). Columns come from the message, since the catalog may be ahead of it; labels and
 * nullability from the catalog where they still match. `known`: the versions that the stream or the log has met. Throws
 * MASK_LOST, TABLE_WITHOUT_KEY, CONFIG_COLUMN.
 */
export async function tableFromRelation(
  client: pg.ClientBase,
  sourceName: string,
  config: PostgresConfig,
  relation: Relation,
  current: Captured,
  known: readonly Table[],
  numbering = new Numbering(sourceName, known, config.maskKey),
): Promise<Captured> {
  if (isSameRelation(current, relation)) return current
  const { schema, table } = current.table
  if (relation.identity === 'n' && !current.appendOnly)
    throw new TailraceError(
      'TABLE_WITHOUT_KEY',
      'stop',
      `The replica identity of ${nameOf(current.table)} is NOTHING now.`,
      {
        hint: `ALTER TABLE ${current.relation} REPLICA IDENTITY DEFAULT; or list it under \`appendOnly\`.`,
      },
    )
  if (!current.appendOnly && relation.identity !== 'f' && !relation.columns.some(({ key }) => key))
    throw new TailraceError('TABLE_WITHOUT_KEY', 'stop', `${nameOf(current.table)} has no key any more.`, {
      hint: `Give it a primary key again, or list it under \`appendOnly\`.`,
    })
  const rows = (await readTables(client, [relation.oid])).get(relation.oid)!
  const types = await loadTypes(
    client,
    relation.columns.map(({ typeOid }) => typeOid),
  )
  const declared = await formatTypes(client, relation.columns)
  const generated = new Set(rows.attributes.filter(row => row.generated).map(({ name }) => name))
  const names = relation.columns.map(({ name }) => name)
  const rules = columnRules(config, schema, table, names).map((rule, i) =>
    generated.has(names[i]!) ? 'exclude' : rule,
  )
  const attributes = relation.columns.map(column => attributeOf(column, rows, current))
  const columns = relation.columns.map((sent, i): DefinedColumn => {
    const attribute = attributes[i]!
    const type = logicalType(sent, types)
    const column = { name: sent.name, type, declared: declared[i]!, nullable: attribute.nullable }
    return { attribute, rule: rules[i]!, column }
  })
  const definition: Definition = {
    schema,
    table,
    oid: relation.oid,
    appendOnly: current.appendOnly,
    routed: current.table.routed === true,
    key: keyOf(current, relation, attributes),
    columns: columns.filter(({ column }) => !generated.has(column.name)),
    files: filesOf(rows.leaves),
  }
  const { version, lost } = numbering.number(definition, byName(known))
  if (lost !== undefined) throw lost
  return {
    ...current,
    table: version,
    route: routeOf(config, version, numbering),
    columns: attributes.map(({ attnum, typeOid, typmod }, i) => ({ attnum, name: names[i]!, typeOid, typmod })),
    plan: rowPlan(rules, current.plan.checkText || attributes.some(holdsAnyByte), config.maskKey),
    unknown: unknownColumns(relation.columns, rules, types),
    identity: identityOf(relation.identity),
  }
}

type SentAttribute = DefinedColumn['attribute'] & { readonly nullable: boolean }

/** The catalog's column if it is still the one sent, else the one known by its name, else one without a number. */
function attributeOf({ name, typeOid, typmod }: RelationColumn, rows: TableRows, current: Captured): SentAttribute {
  const same = rows.attributes.find(row => row.name === name && row.typeOid === typeOid && row.typmod === typmod)
  const known = current.columns.find(column => column.name === name)
  const nullable = current.table.columns.find(column => column.name === name)?.nullable ?? true
  if (same === undefined)
    return { attnum: known?.attnum ?? 0, typeOid, typmod, hasMissing: false, hasDefault: false, nullable }
  const { attnum, notNull, hasMissing, hasDefault } = same
  return { attnum, typeOid, typmod, hasMissing, hasDefault, nullable: !notNull }
}

/** The registered key columns while the message does not say otherwise; else what it flags. */
function keyOf(current: Captured, relation: Relation, attributes: readonly SentAttribute[]): readonly number[] {
  const { key } = originOf(current.table)
  const sent = attributes.map(({ attnum }) => attnum)
  const present = key.filter(attnum => sent.includes(attnum))
  if (current.appendOnly || relation.identity === 'f') return present
  const flagged = sent.filter((_, i) => relation.columns[i]!.key)
  return flagged.length === key.length && present.length === key.length && key.every(attnum => flagged.includes(attnum))
    ? key
    : flagged
}
