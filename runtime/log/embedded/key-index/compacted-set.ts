import type { Compacted, SegmentInfo } from '../segment.ts'

/** What compaction has made of the log, for all in the thread that read it. */
export class CompactedSet {
  readonly files = new Map<number, SegmentInfo>()
  /** First offset behind them: the rest is as it was appended. */
  first = 0
  /** See the manifest. */
  horizon = 0

  constructor(compacted: Compacted) {
    this.replace(compacted)
  }

  replace({ segments, first, horizon }: Compacted): void {
    this.files.clear()
    for (const segment of segments) this.files.set(segment.first, segment)
    this.first = first
    this.horizon = horizon
  }

  /** The segment that holds the offset. */
  find(offset: number): SegmentInfo | undefined {
    let found: SegmentInfo | undefined
    for (const segment of this.files.values()) if (segment.first <= offset) found = segment
    return offset < this.first ? found : undefined
  }
}
