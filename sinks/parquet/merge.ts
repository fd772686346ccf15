import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Reader } from '../duckdb-file/reader.ts'
import type { SetFile, SetTable } from './manifest.ts'
import { changesPath } from './paths.ts'
import { type Publishing, removeReplaced } from './publishing.ts'
import { readFiles } from './read-files.ts'
import { Writer } from './writer.ts'

/** A file is small below this part of what a file may take. */
const SMALL_PART = 8
/** Small files of the newest folder of a table are put together once there are so many. Of others: at once. */
const MANY = 32
/** One set is not to keep the next waiting for long. */
const MERGES_A_SET = 8

interface Merge {
  readonly name: string
  readonly table: SetTable
  readonly files: readonly SetFile[]
}

/**
 * Puts small files of a folder together, so that their number, and that of the manifest's lines, does not grow with every
 * set. It is a set of the same changes; a crash leaves files that the next opening removes.
 */
export async function mergeSmall(publishing: Publishing, signal: AbortSignal): Promise<void> {
  const { database, sets, staging } = publishing
  const { manifest } = sets
  const merges = mergesOf(publishing).slice(0, MERGES_A_SET)
  if (merges.length === 0) return
  const intent = sets.intent()
  await database.transaction(() => sets.state.intend(intent), signal)
  using reader = await database.reader(signal)
  const tables: Record<string, SetTable> = { ...manifest.tables }
  for (const { name, table, files } of merges) {
    const merged = await mergeFiles(publishing, reader, intent.sequence, { name, table, files }, signal)
    const rest = tables[name]!.files.filter(file => !files.includes(file))
    tables[name] = { ...table, files: [...rest, ...merged].sort(byVersion) }
  }
  await rm(join(staging, 'merged'), { recursive: true, force: true })
  const gone = await removeReplaced(publishing, signal)
  await sets.publish(intent, { sources: manifest.sources, tables, gone }, signal)
}

function mergesOf({ sets, fileBytes }: Publishing): Merge[] {
  return Object.entries(sets.manifest.tables).flatMap(([name, table]) => {
    const newest = folderOf(table.files.at(-1))
    const small = table.files.filter(({ bytes }) => bytes * SMALL_PART < fileBytes)
    const groups = Map.groupBy(small, file => `${file.schema} ${folderOf(file)}`)
    const isDue = (files: readonly SetFile[]): boolean => files.length >= (folderOf(files[0]) === newest ? MANY : 2)
    return [...groups.values()].filter(isDue).map(files => ({ name, table, files }))
  })
}

function folderOf(file: SetFile | undefined): string {
  return dirname(file?.path ?? '')
}

async function mergeFiles(
  publishing: Publishing,
  reader: Reader,
  sequence: number,
  { table, files }: Merge,
  signal: AbortSignal,
): Promise<SetFile[]> {
  const scratch = join(publishing.staging, 'merged')
  await rm(scratch, { recursive: true, force: true })
  const from = await readFiles(publishing.sets.place, files, scratch, signal)
  const { path: firstPath, schema } = files[0]!
  const path = changesPath(dirname(firstPath), sequence)
  const writer = new Writer(reader, publishing.sets.place, publishing)
  const rows = { layout: table.layout, from, select: '*', partition: undefined, schema, path }
  return await writer.write(rows, signal)
}

function byVersion(a: SetFile, b: SetFile): number {
  const [first, second] = [BigInt(a.minVersion!), BigInt(b.minVersion!)]
  return first < second ? -1 : first > second ? 1 : 0
}
