import type { Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { columnNames } from '../../runtime/naming.ts'
import { widens } from '../common/number-width.ts'
import { COLUMN, type Place, sqlName } from './names.ts'
import { type ColumnForm, columnType } from './row-bytes.ts'
import { quote, settingsText, type TableSettings, text } from './sql.ts'
import { sqlType, storageOf } from './storage.ts'

/** How a table of the source stands in the target. */
export interface Layout {
  /** Of columns of the source, in the order they were added, and never taken away. */
  readonly columns: readonly LayoutColumn[]
  /** Names of the key's columns, in key order; empty where every change is a row. */
  readonly key: readonly string[]
}

export interface LayoutColumn extends ColumnForm {
  /** In the source. */
  readonly source: string
  readonly name: string
}

export interface LayoutOptions {
  /** Every change is a row of its own. */
  readonly history: boolean
  /** Deleted rows are marked. */
  readonly marks: boolean
  /** Full names of columns to keep as the database printed them. */
  readonly asText: ReadonlySet<string>
  /** Of new tables, beside those of the sink. */
  readonly settings: TableSettings
}

/** Columns of the sink itself; a column of the source with such a name gets another. */
export const Own = {
  /** The change's version in the log: of a key's rows the one with the highest counts. */
  version: '_version',
  /** 1 in a row that was deleted: FINAL leaves it out, or shows it with `onDelete: mark`. */
  deleted: '_deleted',
  /** With `onDelete: mark`: 1 in what FINAL leaves out, the former key of a row that was moved. */
  removed: '_removed',
  /** With the version: what tells the rows of a table without a key apart, and every change in `mode: changes`. */
  log: '_log',
  /** In `mode: changes`: c r u d t, when it was committed, the source's transaction, and columns it did not carry. */
  kind: '_kind',
  committedAt: '_committed_at',
  transaction: '_transaction',
  absent: '_absent',
} as const

const OWN_TYPES: Readonly<Record<string, string>> = {
  [Own.version]: 'UInt64',
  [Own.deleted]: 'UInt8',
  [Own.removed]: 'UInt8',
  [Own.log]: 'LowCardinality(String)',
  [Own.kind]: 'LowCardinality(String)',
  [Own.committedAt]: "DateTime64(6, 'UTC')",
  [Own.transaction]: 'Nullable(String)',
  [Own.absent]: 'Array(String)',
}

/** Own columns of a table, in the order of its rows; they stand behind those of the source. */
export function ownColumns(isKeyed: boolean, { history, marks }: LayoutOptions): readonly string[] {
  if (history) return [Own.log, Own.version, Own.kind, Own.committedAt, Own.transaction, Own.absent]
  if (!isKeyed) return [Own.log, Own.version]
  return marks ? [Own.version, Own.removed, Own.deleted] : [Own.version, Own.deleted]
}

/**
 * The layout for this version of a table: that of the version before with what is new, so that names stay and nothing is
 * taken away. Throws SINK_SCHEMA where a column's type changed to one that does not hold what the former did.
 */
export function layOut(table: Table, options: LayoutOptions, before: Layout | undefined): Layout {
  const columns: LayoutColumn[] = [...(before?.columns ?? [])]
  for (const column of table.columns) {
    const isKey = table.key.some(i => table.columns[i] === column)
    const storage = storageOf(table, column, options.asText)
    const isNullable = (options.history || !isKey) && storage.kind !== 'array'
    const known = columns.findIndex(({ source }) => source === column.name)
    if (known !== -1) {
      columns[known] = laterColumn(table, columns[known]!, { ...columns[known]!, storage, isNullable })
      continue
    }
    const inUse = [...Object.values(Own), ...columns.map(({ name }) => name)]
    const [name] = columnNames([column.name], COLUMN, inUse) as [string]
    columns.push({ source: column.name, name, storage, isNullable })
  }
  const nameOf = (source: string): string => columns.find(column => column.source === source)!.name
  return { columns, key: options.history ? [] : table.key.map(i => nameOf(table.columns[i]!.name)) }
}

function laterColumn(table: Table, before: LayoutColumn, after: LayoutColumn): LayoutColumn {
  const [was, is] = [before, after].map(({ storage }) => sqlType(storage))
  // An array that may be NULL from now on stays one: a NULL in it is refused.
  if (was === is || widens(after.storage, before.storage) || isLoosened(before, after)) return before
  const isKey = table.key.some(i => table.columns[i]!.name === before.source)
  if (widens(before.storage, after.storage) && !isKey) return after
  throw new TailraceError(
    'SINK_SCHEMA',
    'stop',
    `Column "${before.name}" of ${table.name} was ${was} and is now ${is}.`,
    {
      hint: 'Columns are only added and widened. Build the sink anew: tailrace backfill --sink; or exclude the column.',
    },
  )
}

function isLoosened({ storage: before }: LayoutColumn, { storage: after }: LayoutColumn): boolean {
  return before.kind === 'array' && after.kind === 'text'
}

/** Columns of a version of the table in the target, in the version's order. */
export function columnsOf(layout: Layout, table: Table): LayoutColumn[] {
  return table.columns.map(({ name }) => layout.columns.find(({ source }) => source === name)!)
}

/** Names of the columns that tell the rows apart, with their types. */
export function rowKey({ key, columns }: Layout): readonly { readonly name: string; readonly type: string }[] {
  if (key.length === 0) return [Own.log, Own.version].map(name => ({ name, type: OWN_TYPES[name]! }))
  return key.map(name => ({ name, type: columnType(columns.find(column => column.name === name)!) }))
}

/** Of rows of one key the one with the highest version counts; those of a table without one are told apart by it. */
export function createTable(place: Place, layout: Layout, options: LayoutOptions, comment: string): string {
  const isKeyed = layout.key.length > 0
  const columns = [
    ...layout.columns.map(column => `${quote(column.name)} ${columnType(column)}`),
    ...ownColumns(isKeyed, options).map(name => `${quote(name)} ${OWN_TYPES[name]}`),
  ]
  const version = isKeyed ? `${Own.version}, ${options.marks ? Own.removed : Own.deleted}` : ''
  const order = rowKey(layout).map(({ name }) => quote(name))
  return `CREATE TABLE ${sqlName(place)} (${columns.join(', ')}) ENGINE = ReplacingMergeTree(${version})
    ORDER BY (${order.join(', ')}) ${settingsText(options.settings)} COMMENT ${text(comment)}`
}

/** What leads from one layout to a later one, as parts of one ALTER; repeated it changes nothing. */
export function alterations(before: Layout, after: Layout): string[] {
  return after.columns.flatMap((column, i) => {
    const former = before.columns[i]
    const type = `${quote(column.name)} ${columnType(column)}`
    if (former === undefined) return `ADD COLUMN IF NOT EXISTS ${type}`
    return columnType(former) === columnType(column) ? [] : `MODIFY COLUMN ${type}`
  })
}

/** The condition that a row was not marked as deleted. */
export function isShown(layout: Layout, { marks, history }: LayoutOptions): string {
  return marks && !history && layout.key.length > 0 ? `NOT ${Own.deleted}` : '1'
}
