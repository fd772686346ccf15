import type { Flavor, WireColumn } from '../wire-column.ts'
import { WireType } from '../wire-types.ts'
import { unreadable } from './binlog-error.ts'
import { type ColumnMeta, readColumnMeta } from './column-meta.ts'
import { EventReader } from './event-reader.ts'
import { parseTableMetadata, type TableMetadata } from './table-metadata.ts'

/** What the rows behind it mean: a TABLE_MAP event. */
export interface TableMap {
  /** 48 bits. Names this definition until the server forgets it; rows refer to it. */
  readonly tableId: number
  readonly database: string
  readonly table: string
  readonly columns: readonly WireColumn[]
  /** Indexes of the columns of the primary key in its order; empty without one, and without FULL metadata. */
  readonly primaryKey: readonly number[]
  /** How many bytes of each of them are in the key; 0: the whole value. */
  readonly keyPrefixes: readonly number[]
  /** Undefined where the server does not say: MariaDB, MySQL before 8.0.23. */
  readonly visible: readonly boolean[] | undefined
  /** binlog_row_metadata=FULL: columns have names, ENUM and SET their labels. Otherwise both are empty. */
  readonly hasFullMetadata: boolean
}

/** More than either family allows. */
const MOST_COLUMNS = 4096
const WHAT = 'a TABLE_MAP event'

/** What rows refer to, without reading the rest: an event with the same bytes as before need not be parsed again. */
export function readTableId(bytes: Buffer, at: number, end: number): number {
  return new EventReader(bytes, at, end, WHAT).u48()
}

/** Throws BINLOG_UNREADABLE. */
export function parseTableMap(bytes: Buffer, at: number, end: number, flavor: Flavor): TableMap {
  const reader = new EventReader(bytes, at, end, WHAT)
  const tableId = reader.u48()
  reader.u16()
  const database = reader.text(reader.packed())
  reader.skip(1)
  const table = reader.text(reader.packed())
  reader.skip(1)
  const count = reader.packed()
  if (count > MOST_COLUMNS) throw unreadable(`${WHAT} has ${count} columns`)
  const types = reader.view(count)
  const metas = readMetas(reader, types)
  const nulls = reader.view((count + 7) >> 3)
  const metadata = parseTableMetadata(reader, metas, flavor)
  const hasFullMetadata = metadata.names.length === count && metas.every((meta, i) => hasLabels(meta, i, metadata))
  return {
    tableId,
    database,
    table,
    columns: metas.map((meta, i) => columnOf(meta, i, nulls, metadata)),
    primaryKey: metadata.primaryKey,
    keyPrefixes: metadata.keyPrefixes,
    visible: metadata.visible,
    hasFullMetadata,
  }
}

function readMetas(reader: EventReader, types: Buffer): ColumnMeta[] {
  const length = reader.packed()
  const from = reader.skip(length)
  const metas = new EventReader(reader.bytes, from, reader.at, WHAT)
  const columns = Array.from(types, type => readColumnMeta(metas, type))
  metas.done()
  return columns
}

function hasLabels({ type }: ColumnMeta, i: number, { labels }: TableMetadata): boolean {
  return (type !== WireType.enum && type !== WireType.set) || labels[i] !== undefined
}

function columnOf({ type, meta }: ColumnMeta, i: number, nulls: Buffer, metadata: TableMetadata): WireColumn {
  return {
    name: metadata.names[i] ?? '',
    type,
    meta,
    nullable: ((nulls[i >> 3]! >> (i & 7)) & 1) !== 0,
    unsigned: metadata.unsigned[i] === true,
    collation: metadata.collations[i],
    labels: metadata.labels[i],
    geometry: metadata.geometries[i],
    dimension: metadata.dimensions[i],
  }
}
