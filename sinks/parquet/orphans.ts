import { isOwnFile } from './paths.ts'
import type { Place } from './place.ts'

/** Removes files that a process left behind and no manifest lists. Others may lie beside them: those stay. */
export async function removeOrphans(place: Place, listed: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
  let orphans: string[] = []
  for await (const path of place.list('', signal)) {
    if (listed.has(path) || !isOwnFile(path)) continue
    orphans.push(path)
    if (orphans.length < AT_ONCE) continue
    await place.remove(orphans, signal)
    orphans = []
  }
  await place.remove(orphans, signal)
}

const AT_ONCE = 1000
