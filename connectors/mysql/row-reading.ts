import type { Column } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { isOutbox } from '../common/event-options.ts'
import { planWithoutExcluded } from '../common/row-plan.ts'
import type { RowTarget } from '../common/row-writer.ts'
import { columnRules, isAppendOnly, nameOf } from '../common/selection.ts'
import type { TableMap } from './binlog/table-map.ts'
import type { Captured } from './catalog.ts'
import type { MysqlConfig } from './config.ts'
import type { Definition } from './definition.ts'
import type { CellReader } from './values/cell-reader.ts'
import { cellReader } from './values/cell-readers.ts'
import { BINARY, type Charsets } from './values/charsets.ts'
import { fits } from './values/declared.ts'
import { logicalTypeOf } from './values/logical-type.ts'
import { declaredOf } from './values/wire-declared.ts'
import type { WireColumn } from './wire-column.ts'
import { WireType } from './wire-types.ts'

/** How the rows behind a TABLE_MAP become rows of a Table. */
export interface RowReading extends RowTarget {
  /** One for each column of the event. */
  readonly readers: readonly CellReader[]
  /** Other than 0: of the table. */
  readonly wanted: Uint8Array
  /** Those, before any mask. */
  readonly wantedColumns: readonly Column[]
  /** Other than 0: of the type JSON. */
  readonly json: Uint8Array
  /** Wanted columns that an image which is not whole tells nothing of. */
  readonly leftOut: readonly number[]
}

export function rowReading(
  { table, plan, route, definition }: Captured,
  map: TableMap,
  charsets: Charsets,
): RowReading {
  return {
    table,
    route,
    plan: planWithoutExcluded(plan),
    readers: map.columns.map((wire, i) => cellReader(wire, definition.columns[i]!.column.declared, charsets)),
    wantedColumns: definition.columns.filter(({ rule }) => rule !== 'exclude').map(({ column }) => column),
    wanted: Uint8Array.from(definition.columns, ({ rule }) => (rule === 'exclude' ? 0 : 1)),
    leftOut: definition.columns.flatMap(({ rule, isLeftOut }, i) => (isLeftOut && rule !== 'exclude' ? [i] : [])),
    json: Uint8Array.from(map.columns, ({ type }) => (type === WireType.json ? 1 : 0)),
  }
}

/** Whether rows behind the event have the columns, and the key, of the definition. */
export function fitsDefinition(
  definition: Definition,
  map: TableMap,
  charsets: Charsets,
  hasNamedKey: boolean,
): boolean {
  if (definition.columns.length !== map.columns.length) return false
  const isSame = map.columns.every((wire, i) => {
    const { name, nullable, declared } = definition.columns[i]!.column
    return wire.name === name && wire.nullable === nullable && fits(declared, declaredOf(wire, charsets))
  })
  if (!isSame) return false
  // A unique index that stands for a primary key is not in the event.
  const key = map.primaryKey.map(i => map.columns[i]!.name)
  return hasNamedKey || definition.routed || key.length === 0 || key.join('\0') === definition.key.join('\0')
}

/**
 * The definition that the event gives. `known`: of the table at other times; what the event does not say, which is how
 * MariaDB's UUID and INET differ from BINARY, is taken from it where the column is still the same. Throws
 * TABLE_WITHOUT_KEY.
 */
export function definitionFrom(
  map: TableMap,
  known: readonly Definition[],
  config: MysqlConfig,
  charsets: Charsets,
): Definition {
  const name = { schema: map.database, table: map.table }
  const appendOnly = isAppendOnly(config, name.schema, name.table)
  const routed = isOutbox(config, name.schema, name.table)
  const rules = columnRules(
    config,
    name.schema,
    name.table,
    map.columns.map(column => column.name),
  )
  const columns = map.columns.map((wire, i) => {
    const declaredHere = declaredOf(wire, charsets)
    const same = known
      .flatMap(({ columns }) => columns)
      .find(({ column }) => column.name === wire.name && fits(column.declared, declaredHere))
    const declared = same?.column.declared ?? declaredHere
    const column = { name: wire.name, type: logicalTypeOf(declared), declared, nullable: wire.nullable }
    return {
      column,
      rule: rules[i]!,
      charset: charsetOf(wire, charsets),
      isAddedNull: same?.isAddedNull ?? false,
      isLeftOut: same?.isLeftOut ?? false,
    }
  })
  const primary = map.primaryKey.map(i => map.columns[i]!.name)
  const isThere = (column: string): boolean => columns.some(one => one.column.name === column && !one.column.nullable)
  const key = primary.length > 0 ? primary : (known.find(({ key }) => key.length > 0 && key.every(isThere))?.key ?? [])
  if (key.length === 0 && !appendOnly)
    throw new TailraceError('TABLE_WITHOUT_KEY', 'stop', `${nameOf(name)} has no key any more.`, {
      hint: 'Give it a primary key again, or list it under `appendOnly`.',
    })
  return { ...name, appendOnly, routed, columns, key: routed ? [] : key }
}

/** Of text, and of the labels of ENUM and SET. */
function charsetOf({ collation, name }: WireColumn, charsets: Charsets): string | undefined {
  return collation === undefined || collation === BINARY ? undefined : charsets.of(collation, name).name
}

/** Character sets of the event's columns whose text cannot be read yet. */
export function unprepared(map: TableMap, charsets: Charsets): string[] {
  const names = map.columns.map(wire => charsetOf(wire, charsets)).filter(name => name !== undefined)
  return [...new Set(names)].filter(name => !charsets.isPrepared(name))
}

/** Throws BINLOG_METADATA. */
export function requireMetadata(map: TableMap): void {
  if (map.hasFullMetadata) return
  throw new TailraceError(
    'BINLOG_METADATA',
    'stop',
    `Rows of ${nameOf({ schema: map.database, table: map.table })} in the binary log do not say which columns they have.`,
    {
      hint: "SET GLOBAL binlog_row_metadata = 'FULL'; rows from before cannot be read: read the tables again with `tailrace backfill --resnapshot`.",
    },
  )
}
