import { join } from 'node:path'
import { literal } from '../duckdb-file/database.ts'
import type { SetFile } from './manifest.ts'
import type { Place } from './place.ts'

/** Files of a set as a table of SQL, in their order; those of a place that is elsewhere are copied below `scratch`. */
export async function readFiles(
  place: Place,
  files: readonly SetFile[],
  scratch: string,
  signal: AbortSignal,
): Promise<string> {
  const paths: string[] = []
  for (const [i, { path }] of files.entries()) {
    signal.throwIfAborted()
    paths.push(literal(await place.local(path, join(scratch, `${i}.parquet`), signal)))
  }
  return `read_parquet([${paths.join(', ')}], hive_partitioning = false, union_by_name = true)`
}
