import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import type { SinkContext } from '../../runtime/contract.ts'
import { MANIFEST, parseManifest } from './manifest.ts'
import type { StoreFiles } from './options.ts'
import { removeOrphans } from './orphans.ts'
import type { Place } from './place.ts'

/** Removes every file the sink made, and its store. Answers a line for each table. */
export async function removeAll(
  place: Place,
  { folder }: StoreFiles,
  context: SinkContext,
  signal: AbortSignal,
): Promise<string[]> {
  const done: string[] = []
  const found = await place.read(signal)
  if (found !== undefined) {
    const { pipeline, sink, tables } = parseManifest(found.text, place.name)
    if (pipeline !== context.pipeline || sink !== context.name) return []
    // First of all the list: readers see a whole set, or none.
    await place.remove([MANIFEST], signal)
    for (const table of Object.values(tables)) done.push(`removed ${table.folder} in ${place.name}`)
    await removeOrphans(place, new Set(), signal)
  }
  if (existsSync(folder)) {
    await rm(folder, { recursive: true })
    done.push(`removed ${folder}`)
  }
  return done
}
