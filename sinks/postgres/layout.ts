import pg from 'pg'
import type { Generation, Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { generationPrefix } from '../../runtime/generation.ts'
import { columnNames, fitName, type NameRules } from '../../runtime/naming.ts'
import { columnKey } from '../common/column-key.ts'
import { type Storage, storageOf, widens } from './storage.ts'

/** How a table of the source stands in the database. */
export interface Layout {
  readonly schema: string
  readonly table: string
  /** The name by which readers find it once it is live. */
  readonly live: string
  /** In the order they were added, and never taken away. */
  readonly columns: readonly LayoutColumn[]
  /** Names of the key's columns in the database, in key order; empty where every change is a row. */
  readonly key: readonly string[]
}

export interface LayoutColumn {
  /** In the source; undefined for the sink's own columns. */
  readonly source?: string
  readonly name: string
  readonly storage: Storage
}

export interface LayoutOptions {
  /** Deleted rows are marked. */
  readonly marks: boolean
  /** Columns to keep as the source prints them, and types of columns that the configuration names; by `columnKey`. */
  readonly asText: ReadonlySet<string>
  readonly types: ReadonlyMap<string, string>
}

/** Columns of the sink itself; a column of the source with such a name gets another. */
export const Own = {
  /** True in a row that was deleted at the source, with `onDelete: mark`. */
  deleted: '_deleted',
  /** Log and place in it: what tells the rows of a table without a key apart. */
  log: '_log',
  version: '_version',
} as const

export const OWN_STORAGE: Readonly<Record<string, Storage>> = {
  [Own.deleted]: 'boolean',
  [Own.log]: 'text',
  [Own.version]: 'bigint',
}

const NAMES: NameRules = { maxBytes: 63, holds: character => character !== '\0', caseless: false }

/** Names that PostgreSQL has in every table are not to be had. */
const COLUMN_NAMES: NameRules = { ...NAMES, reserved: /^(tableoid|ctid|xmin|xmax|cmin|cmax)$/ }

export const SCHEMA_NAMES: NameRules = { ...NAMES, reserved: /^(_tailrace|information_schema|pg_.*)$/s }

export const TABLE_NAMES: NameRules = { ...NAMES, reserved: /^_tailrace_(next|previous)_/ }

/** What a table is named in a generation that readers are not to find. */
export function nameIn(generation: Generation | undefined, live: string): string {
  return generation === undefined ? live : ownName(generationPrefix({ generation }) + live)
}

/** A name that the sink makes up, as it fits. */
export function ownName(name: string): string {
  return fitName(name, NAMES)
}

/**
 * The layout for this version of a table: that of the version before with what is new, so that names stay and nothing
 * is taken away. Throws SINK_SCHEMA where a column's type changed to one that does not hold what the former did.
 */
export function layOut(
  table: Table,
  place: Pick<Layout, 'schema' | 'table' | 'live'>,
  options: LayoutOptions,
  before: Layout | undefined,
): Layout {
  const columns: LayoutColumn[] = [...(before?.columns ?? [])]
  for (const name of ownColumns(table, options))
    if (!columns.some(column => column.source === undefined && column.name === name))
      columns.push({ name, storage: OWN_STORAGE[name]! })
  for (const column of table.columns) {
    const storage = storageIn(table, column, options)
    const known = columns.findIndex(({ source }) => source === column.name)
    if (known === -1) {
      const inUse = [...Object.values(Own), ...columns.map(each => each.name)]
      columns.push({ source: column.name, name: columnNames([column.name], COLUMN_NAMES, inUse)[0]!, storage })
    } else columns[known] = { ...columns[known]!, storage: laterStorage(table, columns[known]!, storage) }
  }
  const nameOf = (source: string): string => columns.find(column => column.source === source)!.name
  return { ...place, columns, key: table.key.map(i => nameOf(table.columns[i]!.name)) }
}

function ownColumns({ key }: Table, { marks }: LayoutOptions): string[] {
  if (key.length === 0) return [Own.log, Own.version]
  return marks ? [Own.deleted] : []
}

export function storageIn(
  table: Table,
  column: Table['columns'][number],
  { asText, types }: Pick<LayoutOptions, 'asText' | 'types'>,
): Storage {
  const name = columnKey(table, column)
  const isKey = table.key.some(i => table.columns[i] === column)
  return storageOf(column, { asText: asText.has(name), chosen: types.get(name), isKey })
}

function laterStorage(table: Table, { source, storage: before, name }: LayoutColumn, after: Storage): Storage {
  if (widens(after, before)) return before
  const isKey = table.key.some(i => table.columns[i]!.name === source)
  if (widens(before, after) && !isKey) return after
  throw new TailraceError(
    'SINK_SCHEMA',
    'stop',
    `Column "${name}" of ${table.name} was ${before} and is now ${after}.`,
    {
      hint: 'Columns are only added and widened. Build the sink anew: tailrace backfill --sink; or exclude the column.',
    },
  )
}

/** Whether rows of this version can be written into the table as it stands, and their key is its key. */
export function fits(table: Table, layout: Layout, options: LayoutOptions): boolean {
  const storages = new Map(layout.columns.map(({ source, storage }) => [source, storage]))
  const isHeld = table.columns.every(column => {
    const storage = storages.get(column.name)
    return storage === undefined || storage === storageIn(table, column, options)
  })
  const key = table.key.map(i => layout.columns.find(({ source }) => source === table.columns[i]!.name)?.name)
  return isHeld && key.join('\0') === layout.key.join('\0') && key.length === layout.key.length
}

/** The condition, in SQL, that a row was not marked as deleted. */
export function isLive(layout: Layout): string {
  return hasMarks(layout) ? `NOT t.${quote(Own.deleted)}` : 'true'
}

export function hasMarks({ columns }: Layout): boolean {
  return columns.some(({ source, name }) => source === undefined && name === Own.deleted)
}

/** Columns that tell the rows apart. */
export function rowKey({ key, columns }: Layout): readonly LayoutColumn[] {
  const names = key.length === 0 ? [Own.log, Own.version] : key
  return names.map(name => columns.find(column => column.name === name)!)
}

/** Columns in the database of a version of the table, in its order. */
export function columnsOf(layout: Layout, table: Table): LayoutColumn[] {
  return table.columns.map(({ name }) => layout.columns.find(({ source }) => source === name)!)
}

export const quote = pg.escapeIdentifier

/** The table's full name in SQL. */
export function tableName({ schema, table }: Pick<Layout, 'schema' | 'table'>): string {
  return `${quote(schema)}.${quote(table)}`
}

export function createTable(layout: Layout): string {
  const columns = layout.columns.map(definition)
  columns.push(
    `PRIMARY KEY (${rowKey(layout)
      .map(({ name }) => quote(name))
      .join(', ')})`,
  )
  return `CREATE TABLE ${tableName(layout)} (${columns.join(', ')})`
}

function definition({ source, name, storage }: LayoutColumn): string {
  const isMark = source === undefined && name === Own.deleted
  return `${quote(name)} ${storage}${isMark ? ' NOT NULL DEFAULT false' : ''}`
}

/** Statements that lead from one layout to a later one. */
export function alterations(before: Layout, after: Layout): string[] {
  const changes = after.columns.flatMap((column, i) => {
    const former = before.columns[i]
    if (former === undefined) return `ADD COLUMN ${definition(column)}`
    if (former.storage === column.storage) return []
    const name = quote(column.name)
    return `ALTER COLUMN ${name} TYPE ${column.storage} USING ${converted(name, column.storage)}`
  })
  return changes.length === 0 ? [] : [`ALTER TABLE ${tableName(after)} ${changes.join(', ')}`]
}

/** A cast to text prints some values (true, ::1/128) otherwise than they are shown. */
function converted(name: string, storage: Storage): string {
  return storage === 'text'
    ? `CASE WHEN ${name} IS NOT NULL THEN pg_catalog.format('%s', ${name}) END`
    : `${name}::${storage}`
}
