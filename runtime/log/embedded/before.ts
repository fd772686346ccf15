import { segmentStart } from './compaction/aged.ts'
import type { Head } from './head.ts'
import type { LogPlace } from './log-place.ts'
import type { SegmentReader } from './segment-reader.ts'

/**
 * The last offset ahead of all that was appended at this time (microseconds since 1970) or later; 0: there is nothing. By
 * the times of segments, then of the chunks of one.
 */
export async function offsetBefore(
  { fs, folder }: Pick<LogPlace, 'fs' | 'folder'>,
  head: Head,
  segments: SegmentReader,
  time: bigint,
): Promise<number> {
  let last = 0
  for (const segment of head.segments) {
    const { madeAt } = await segmentStart(fs, folder, segment)
    if (madeAt >= time) break
    last = segment.first - 1
  }
  while (last < head.end) {
    const chunk = await segments.chunk(last + 1)
    if (chunk.slice.appendTime >= time) break
    last = chunk.last
  }
  return last
}
