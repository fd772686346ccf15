import type { Compacted, SegmentInfo } from '../segment.ts'

/** What compaction, and `forget`, have made of the log, for all in the thread that read it. */
export class CompactedSet {
  readonly files = new Map<number, SegmentInfo>()
  /** First offset behind them. */
  first = 0
  /** From here on records are found by their places in the index, unless their segment was written anew. */
  placesFrom = 0
  /** See the manifest. */
  expiredTo = 0

  constructor(compacted: Compacted) {
    this.replace(compacted)
  }

  replace({ segments, first, expiredTo }: Compacted): void {
    this.files.clear()
    for (const segment of segments) this.files.set(segment.first, segment)
    this.first = first
    this.placesFrom = segments.find(({ compacted }) => compacted === undefined)?.first ?? first
    this.expiredTo = expiredTo
  }

  /** The segment that holds the offset. */
  find(offset: number): SegmentInfo | undefined {
    if (offset >= this.first) return undefined
    let found: SegmentInfo | undefined
    for (const segment of this.files.values()) if (segment.first <= offset) found = segment
    return found
  }
}
