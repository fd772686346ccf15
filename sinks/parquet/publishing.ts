import type { SinkContext } from '../../runtime/contract.ts'
import type { Names } from '../../runtime/naming.ts'
import type { OwnTable } from '../duckdb-file/catalog.ts'
import type { Database } from '../duckdb-file/database.ts'
import type { Layout } from '../duckdb-file/layout.ts'
import type { FileColumn, Manifest, SetTable } from './manifest.ts'
import { byColumn, byPeriod, type Partition, type Period } from './partition.ts'
import { folderOf } from './paths.ts'
import type { Sets } from './sets.ts'
import { fileType, type WriterOptions } from './writer.ts'

/** What making a set takes. */
export interface Publishing extends WriterOptions {
  readonly database: Database
  readonly sets: Sets
  readonly context: SinkContext
  /** Of the tables' folders. */
  readonly names: Names
  /** A period of the commit time, or by full name of a table one of its columns. */
  readonly partitionBy: Period | ReadonlyMap<string, string>
  /** How long files that were replaced stay for those that are reading them. */
  readonly keepReplacedMs: number
}

export function ownerOf({ context }: Publishing): { pipeline: string; sink: string } {
  return { pipeline: context.pipeline, sink: context.name }
}

export function partitionOf({ partitionBy }: Publishing, name: string, layout: Layout): Partition | undefined {
  if (typeof partitionBy === 'string') return byPeriod(partitionBy)
  const column = partitionBy.get(name)
  return column === undefined ? undefined : byColumn(layout, column)
}

/** A table of the next set without files. Throws NAME_COLLISION. */
export function nextTable(
  { names }: Publishing,
  { sourceTable, incarnation, layout }: OwnTable,
  before: SetTable | undefined,
): { table: SetTable; schema: number } {
  const columns: FileColumn[] = layout.columns.map(({ name, storage }) => ({ name, type: fileType(storage) }))
  const known = before?.schemas ?? []
  const place = known.findIndex(schema => JSON.stringify(schema) === JSON.stringify(columns))
  const schemas = place === -1 ? [...known, columns] : known
  const folder = folderOf(layout)
  names.claim(folder, sourceTable)
  const table = { folder, incarnation, layout, schemas, files: [] }
  return { table, schema: place === -1 ? known.length : place }
}

/** Removes what was replaced long enough ago; answers the paths, which the next set no longer names. */
export async function removeReplaced({ sets, keepReplacedMs }: Publishing, signal: AbortSignal): Promise<Set<string>> {
  const { replaced }: Manifest = sets.manifest
  const until = Date.now() - keepReplacedMs
  const paths = replaced.flatMap(({ path, since }) => (Date.parse(since) <= until ? path : []))
  if (paths.length > 0) await sets.place.remove(paths, signal)
  return new Set(paths)
}
