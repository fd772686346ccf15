import { join } from 'node:path'
import { writeFailed } from '../failures.ts'
import type { Fs } from '../fs.ts'
import type { Manifest } from '../manifest.ts'
import { isCompactedName, type SegmentInfo, segmentFirst, segmentName } from '../segment.ts'
import { baseName, isBaseName } from './base.ts'

/**
 * Removes what work that ended half way has left: files that the manifest does not name yet, and those that it does not
 * name any more. `segments`: of the base at least. A crash in between leaves the rest to the next opening. Throws LOG_WRITE.
 */
export async function removeLeftovers(
  fs: Fs,
  folder: string,
  { first, compaction }: Manifest,
  segments: readonly SegmentInfo[],
): Promise<void> {
  const known = new Set(segments.map(segmentName))
  if (compaction !== undefined) known.add(baseName(compaction))
  for (const name of await fs.list(folder)) {
    const appended = segmentFirst(name)
    const isOurs = isCompactedName(name) || isBaseName(name)
    if (known.has(name) || (appended === undefined ? !isOurs : appended >= first)) continue
    const path = join(folder, name)
    try {
      await fs.remove(path)
    } catch (cause) {
      throw writeFailed(path, cause)
    }
  }
}
