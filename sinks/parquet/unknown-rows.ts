import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { quote } from '../duckdb-file/database.ts'
import { type Layout, Own, tableName } from '../duckdb-file/layout.ts'
import type { Reader } from '../duckdb-file/reader.ts'
import { sqlType } from '../duckdb-file/storage.ts'
import type { SetTable } from './manifest.ts'
import type { Publishing } from './publishing.ts'
import { readFiles } from './read-files.ts'
import { sealedLayout } from './sealed.ts'

/**
 * What was put aside of a table without what its files have already, as after a replay: only files are looked at whose
 * versions meet those of the changes, which otherwise none does.
 */
export async function unknownRows(
  { sets, staging }: Publishing,
  reader: Reader,
  layout: Layout,
  before: SetTable | undefined,
  signal: AbortSignal,
): Promise<string> {
  const sealed = tableName(sealedLayout(layout))
  const version = quote(Own.version)
  const [[first, last] = []] = await reader.all(`SELECT min(${version}), max(${version}) FROM ${sealed}`)
  const meets = (file: { minVersion?: string; maxVersion?: string }): boolean =>
    BigInt(file.minVersion!) <= (last as bigint) && BigInt(file.maxVersion!) >= (first as bigint)
  const files = before?.files.filter(meets) ?? []
  if (before === undefined || files.length === 0) return sealed
  const scratch = join(staging, 'known')
  await rm(scratch, { recursive: true, force: true })
  const known = await readFiles(sets.place, files, scratch, signal)
  const there = new Set(files.flatMap(({ schema }) => before.schemas[schema]!.map(({ name }) => name)))
  const isSame = layout.columns
    .filter(({ name }) => there.has(name))
    .map(({ name, storage }) => `k.${quote(name)}::${sqlType(storage)} IS NOT DISTINCT FROM t.${quote(name)}`)
  return `(SELECT * FROM ${sealed} AS t WHERE NOT EXISTS (SELECT 1 FROM ${known} AS k WHERE ${isSame.join(' AND ')}))`
}
