import { existsSync, readdirSync, readFileSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'

/** What the probe (probe.ts) left of a process: bytes written and bytes synced of each segment it wrote to. */

export const MARK_BYTES = 16

export function isSegment(name: string): boolean {
  return /^\d{16}\.log$/.test(name)
}

export interface SegmentMark {
  readonly segment: string
  readonly written: number
  readonly synced: number
}

/** In the order of the segments. */
export function readMarks(probe: string): SegmentMark[] {
  return readdirSync(probe)
    .filter(isSegment)
    .sort()
    .flatMap(segment => {
      const bytes = readFileSync(join(probe, segment))
      if (bytes.length < MARK_BYTES) return []
      return { segment, written: Number(bytes.readBigUInt64LE(0)), synced: Number(bytes.readBigUInt64LE(8)) }
    })
}

/** Takes from the dead process's log what was not synced, as a power cut may. Answers how many bytes that were. */
export function cutUnsynced(probe: string, logFolder: string): number {
  let cut = 0
  for (const { segment, synced } of readMarks(probe)) {
    const path = join(logFolder, segment)
    if (!existsSync(path)) continue
    const { size } = statSync(path)
    if (size <= synced) continue
    truncateSync(path, synced)
    cut += size - synced
  }
  return cut
}
