import { join } from 'node:path'
import { CHUNK_HEADER, decodeChunkHeader } from '../chunk.ts'
import { openExisting } from '../failures.ts'
import type { Fs } from '../fs.ts'
import type { Head } from '../head.ts'
import { isStripped, SEGMENT_HEADER, type SegmentInfo, segmentMadeAt, segmentName } from '../segment.ts'

/** Where a segment begins. */
export interface SegmentStart {
  /** Microseconds since 1970. */
  readonly madeAt: bigint
  /** Its first chunk begins a unit, or there is none yet. */
  readonly isWhole: boolean
}

export async function segmentStart(fs: Fs, folder: string, segment: SegmentInfo): Promise<SegmentStart> {
  await using file = await openExisting(fs, join(folder, segmentName(segment)))
  const bytes = Buffer.alloc(SEGMENT_HEADER + CHUNK_HEADER)
  const chunk = decodeChunkHeader(bytes.subarray(0, await file.read(bytes, 0)), SEGMENT_HEADER)
  return { madeAt: segmentMadeAt(bytes), isWhole: chunk === undefined || chunk.base === chunk.unitBase }
}

/**
 * The segments that compaction may look at: those that end with a unit, and behind which another was begun before
 * `keptFrom` (microseconds since 1970). `to`: nothing at or beyond this offset is touched.
 */
export async function agedSegments(
  { fs, folder }: { readonly fs: Fs; readonly folder: string },
  { segments }: Pick<Head, 'segments'>,
  keptFrom: bigint,
  to = Number.POSITIVE_INFINITY,
): Promise<SegmentInfo[]> {
  let count = segments.findLastIndex(isStripped) + 1
  for (let i = count + 1; i < segments.length && segments[i]!.first <= to; i++) {
    const { madeAt, isWhole } = await segmentStart(fs, folder, segments[i]!)
    if (madeAt > keptFrom) break
    if (isWhole) count = i
  }
  return segments.slice(0, count)
}
