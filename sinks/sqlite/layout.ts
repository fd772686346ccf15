import type { Table } from '../../runtime/contract.ts'
import { columnNames, type NameRules } from '../../runtime/naming.ts'
import { quote } from './database.ts'
import { type Storage, storageOf } from './values.ts'

/** How a table of the source stands in the database. */
export interface Layout {
  /** Name of the table in the database. */
  readonly name: string
  /** In the order they were added, and never taken away. */
  readonly columns: readonly LayoutColumn[]
  /** Names in the database, in key order. */
  readonly key: readonly string[]
  /** The column that is SQLite's row number: the key if it is one integer, `_rowid` in searched tables, else none. */
  readonly rowid: string | undefined
  /** Columns of the full-text index; none: there is no index. */
  readonly search: readonly string[]
}

export interface LayoutColumn {
  /** In the source; undefined for the sink's own columns. */
  readonly source: string | undefined
  readonly name: string
  readonly storage: Storage
}

/** Columns of the sink itself; a column of the source with such a name gets another. */
export const Own = {
  /** 1 in a row that was deleted at the source, with `onDelete: mark`. */
  deleted: '_deleted',
  rowid: '_rowid',
  /** The key of a row of a table without one: log id and version. */
  log: '_log',
  version: '_version',
} as const

/** SQLite keeps `sqlite_` for itself and the sink `_tailrace`; it compares names without regard to case. */
export const TABLE_NAMES: NameRules = {
  maxBytes: 255,
  holds: character => character !== '\0',
  caseless: true,
  reserved: /^(sqlite_|_tailrace)/i,
}
const COLUMN_NAMES: NameRules = { maxBytes: 255, holds: character => character !== '\0', caseless: true }

/**
 * The layout for this version of a table: that of the version before with what is new, so that names stay and nothing
 * is taken away. A column whose type changed becomes ANY.
 */
export function layOut(
  table: Table,
  name: string,
  search: readonly string[],
  marks: boolean,
  before: Layout | undefined,
): Layout {
  const columns: LayoutColumn[] = [...(before?.columns ?? [])]
  const addOwn = (own: string, storage: Storage): void => {
    if (!columns.some(column => column.source === undefined && column.name === own))
      columns.push({ source: undefined, name: own, storage })
  }
  if (table.key.length === 0) {
    addOwn(Own.log, 'TEXT')
    addOwn(Own.version, 'INTEGER')
  }
  for (const column of table.columns) {
    const storage = storageOf(column)
    const known = columns.findIndex(({ source }) => source === column.name)
    if (known === -1) {
      const inUse = [...Object.values(Own), ...columns.map(each => each.name)]
      columns.push({ source: column.name, name: columnNames([column.name], COLUMN_NAMES, inUse)[0]!, storage })
    } else if (columns[known]!.storage !== storage) columns[known] = { ...columns[known]!, storage: 'ANY' }
  }
  if (marks) addOwn(Own.deleted, 'INTEGER')
  const find = (source: string): LayoutColumn | undefined => columns.find(column => column.source === source)
  const keyColumns = table.key.map(i => find(table.columns[i]!.name)!)
  const isRowid = keyColumns.length === 1 && keyColumns[0]!.storage === 'INTEGER'
  const searched = search.flatMap(source => find(source)?.name ?? [])
  if (searched.length > 0 && !isRowid) addOwn(Own.rowid, 'INTEGER')
  const hasOwnRowid = columns.some(column => column.source === undefined && column.name === Own.rowid)
  return {
    name,
    columns,
    key: table.key.length === 0 ? [Own.log, Own.version] : keyColumns.map(column => column.name),
    rowid: isRowid && !hasOwnRowid ? keyColumns[0]!.name : hasOwnRowid ? Own.rowid : undefined,
    search: searched,
  }
}

/** Whether ALTER TABLE ADD COLUMN leads from one layout to the other; otherwise the table is written anew. */
export function onlyAddsColumns(before: Layout, after: Layout): boolean {
  return (
    before.rowid === after.rowid &&
    before.key.join('\0') === after.key.join('\0') &&
    before.columns.every((column, i) => column.storage === after.columns[i]!.storage)
  )
}

export function createTable(layout: Layout, name = layout.name): string {
  const columns = layout.columns.map(column => {
    const isRowid = column.name === layout.rowid
    return `${quote(column.name)} ${column.storage}${isRowid ? ' PRIMARY KEY' : ''}${defaultOf(column)}`
  })
  const key = layout.key.map(quote).join(', ')
  if (layout.rowid === undefined) columns.push(`PRIMARY KEY (${key})`)
  else if (layout.rowid === Own.rowid) columns.push(`UNIQUE (${key})`)
  return `CREATE TABLE ${quote(name)} (${columns.join(', ')}) STRICT`
}

/** How each column of a version of the table stands; undefined for those that were never added. */
export function placesOf(layout: Layout, table: Table): (LayoutColumn | undefined)[] {
  return table.columns.map(({ name }) => layout.columns.find(({ source }) => source === name))
}

/** Whether rows deleted at the source are marked. */
export function hasMarks(layout: Layout): boolean {
  return layout.columns.some(column => column.source === undefined && column.name === Own.deleted)
}

/** The condition, in SQL, that a row was not marked as deleted. */
export function isLive(layout: Layout): string {
  return hasMarks(layout) ? `${quote(Own.deleted)} = 0` : 'true'
}

export function defaultOf(column: LayoutColumn): string {
  return column.source === undefined && column.name === Own.deleted ? ' NOT NULL DEFAULT 0' : ''
}
