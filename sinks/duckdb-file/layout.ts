import type { Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { columnNames, type NameRules } from '../../runtime/naming.ts'
import { columnKey } from '../common/column-key.ts'
import { widens } from '../common/number-width.ts'
import { CATALOG, quote } from './database.ts'
import { type Storage, sqlType, storageOf } from './storage.ts'

/** How a table of the source stands in the database. */
export interface Layout {
  readonly schema: string
  readonly table: string
  /** In the order they were added, and never taken away. */
  readonly columns: readonly LayoutColumn[]
  /** Names of the key's columns in the database, in key order; empty where every change is a row. */
  readonly key: readonly string[]
}

export interface LayoutColumn {
  /** In the source; undefined for the sink's own columns. */
  readonly source: string | undefined
  readonly name: string
  readonly storage: Storage
}

export interface LayoutOptions {
  /** Every change is a row of its own. */
  readonly history: boolean
  /** Deleted rows are marked. */
  readonly marks: boolean
  /** Full names of columns to keep as the database printed them. */
  readonly asText: ReadonlySet<string>
}

/** Columns of the sink itself; a column of the source with such a name gets another. */
export const Own = {
  /** True in a row that was deleted at the source, with `onDelete: mark`. */
  deleted: '_deleted',
  /** Log and place in it: what tells the rows of a table without a key apart, and every change in `mode: changes`. */
  log: '_log',
  version: '_version',
  /** In `mode: changes`: c r u d t, when it was committed, the source's transaction, and columns it did not carry. */
  kind: '_kind',
  committedAt: '_committed_at',
  transaction: '_transaction',
  absent: '_absent',
} as const

export const OWN_STORAGE: Readonly<Record<string, Storage>> = {
  [Own.deleted]: { kind: 'boolean' },
  [Own.log]: { kind: 'varchar' },
  [Own.version]: { kind: 'int64' },
  [Own.kind]: { kind: 'varchar' },
  [Own.committedAt]: { kind: 'timestamptz' },
  [Own.transaction]: { kind: 'varchar' },
  [Own.absent]: { kind: 'list', element: { kind: 'varchar' } },
}

const COLUMN_NAMES: NameRules = { maxBytes: 255, holds: character => character !== '\0', caseless: true }

/** Names of schemas and tables: DuckDB compares them without regard to case; `_tailrace` is the sink's own schema. */
export const TABLE_NAMES: NameRules = {
  ...COLUMN_NAMES,
  reserved: /^(_tailrace|_tailrace_(next|previous|sealed)_.*|information_schema|pg_catalog)$/is,
}

/** Own columns of a table of this kind. */
export function ownColumns(isKeyed: boolean, { history, marks }: LayoutOptions): string[] {
  if (history) return [Own.kind, Own.committedAt, Own.transaction, Own.log, Own.version, Own.absent]
  if (!isKeyed) return [Own.log, Own.version]
  return marks ? [Own.deleted] : []
}

/**
 * The layout for this version of a table: that of the version before with what is new, so that names stay and nothing
 * is taken away. Throws SINK_SCHEMA where a column's type changed to one that does not hold what the former did.
 */
export function layOut(
  table: Table,
  place: { readonly schema: string; readonly table: string },
  options: LayoutOptions,
  before: Layout | undefined,
): Layout {
  const columns: LayoutColumn[] = [...(before?.columns ?? [])]
  if (before !== undefined && isHistory(before) !== options.history) throw modeChanged(table, options)
  for (const name of ownColumns(table.key.length > 0, options))
    if (!columns.some(column => column.source === undefined && column.name === name))
      columns.push({ source: undefined, name, storage: OWN_STORAGE[name]! })
  for (const column of table.columns) {
    const storage = storageIn(table, column, options)
    const known = columns.findIndex(({ source }) => source === column.name)
    if (known === -1) {
      const inUse = [...Object.values(Own), ...columns.map(each => each.name)]
      columns.push({ source: column.name, name: columnNames([column.name], COLUMN_NAMES, inUse)[0]!, storage })
    } else columns[known] = { ...columns[known]!, storage: laterStorage(table, columns[known]!, storage) }
  }
  const nameOf = (source: string): string => columns.find(column => column.source === source)!.name
  const key = options.history ? [] : table.key.map(i => nameOf(table.columns[i]!.name))
  return { ...place, columns, key }
}

/** A key column of lists is text: DuckDB has no keys of lists. */
export function storageIn(
  table: Table,
  column: Table['columns'][number],
  { asText }: Pick<LayoutOptions, 'asText'>,
): Storage {
  const storage = storageOf(column, asText.has(columnKey(table, column)))
  const isKey = table.key.some(i => table.columns[i] === column)
  return isKey && storage.kind === 'list' ? { kind: 'varchar' } : storage
}

function laterStorage(table: Table, { source, storage: before, name }: LayoutColumn, after: Storage): Storage {
  if (sqlType(before) === sqlType(after) || widens(after, before)) return before
  const isKey = table.key.some(i => table.columns[i]!.name === source)
  if (widens(before, after) && !isKey) return after
  throw new TailraceError(
    'SINK_SCHEMA',
    'stop',
    `Column "${name}" of ${table.name} was ${sqlType(before)} and is now ${sqlType(after)}.`,
    {
      hint: 'Columns are only added and widened. Build the sink anew: tailrace remove --sink, then run; or exclude the column.',
    },
  )
}

/** Every change is a row. */
export function isHistory({ columns }: Layout): boolean {
  return columns.some(({ source, name }) => source === undefined && name === Own.kind)
}

function modeChanged(table: Table, { history }: LayoutOptions): TailraceError {
  const [is, was] = history ? ['changes', 'rows'] : ['rows', 'changes']
  return new TailraceError('SINK_SCHEMA', 'stop', `${table.name} was written with \`mode: ${was}\`, not ${is}.`, {
    hint: `Set \`mode: ${was}\` again, or give the sink another \`path\` or \`name\`.`,
  })
}

/** The condition, in SQL, that a row was not marked as deleted. */
export function isLive({ columns }: Layout): string {
  const hasMarks = columns.some(({ source, name }) => source === undefined && name === Own.deleted)
  return hasMarks ? `t.${quote(Own.deleted)} IS NOT TRUE` : 'true'
}

/** Names of the columns that tell the rows apart. */
export function rowKey({ key }: Layout): readonly string[] {
  return key.length === 0 ? [Own.log, Own.version] : key
}

/** Names in the database of the columns of a version of the table. */
export function namesOf(layout: Layout, table: Table): string[] {
  return table.columns.map(({ name }) => layout.columns.find(({ source }) => source === name)!.name)
}

/** The table's full name in SQL. */
export function tableName({ schema, table }: Pick<Layout, 'schema' | 'table'>): string {
  return [CATALOG, schema, table].map(quote).join('.')
}

export function createTable(layout: Layout): string {
  const columns = layout.columns.map(column => `${quote(column.name)} ${sqlType(column.storage)}`)
  if (layout.key.length > 0) columns.push(`PRIMARY KEY (${layout.key.map(quote).join(', ')})`)
  return `CREATE OR REPLACE TABLE ${tableName(layout)} (${columns.join(', ')})`
}

/** Statements that lead from one layout to a later one. */
export function alterations(before: Layout, after: Layout): string[] {
  const alter = `ALTER TABLE ${tableName(after)}`
  return after.columns.flatMap((column, i) => {
    const former = before.columns[i]
    if (former === undefined) return `${alter} ADD COLUMN ${quote(column.name)} ${sqlType(column.storage)}`
    if (sqlType(former.storage) === sqlType(column.storage)) return []
    return `${alter} ALTER COLUMN ${quote(column.name)} TYPE ${sqlType(column.storage)}`
  })
}
