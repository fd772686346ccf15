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

/** Of a process that has ended, in the order of its segments. */
export function readMarks(probe: string, logFolder: string): SegmentMark[] {
  return readdirSync(probe)
    .filter(isSegment)
    .sort()
    .flatMap(segment => {
      const bytes = readFileSync(join(probe, segment))
      const path = join(logFolder, segment)
      if (bytes.length < MARK_BYTES || !existsSync(path)) return []
      // A write that was under way may have come further than the process knew.
      const written = Math.max(statSync(path).size, Number(bytes.readBigUInt64LE(0)))
      return { segment, written, synced: Number(bytes.readBigUInt64LE(8)) }
    })
}

/** Takes from the dead process's log what was not synced, as a power cut may. */
export function cutUnsynced(marks: readonly SegmentMark[], logFolder: string): void {
  for (const { segment, written, synced } of marks) if (written > synced) truncateSync(join(logFolder, segment), synced)
}
