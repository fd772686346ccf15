import { EntryKind } from '../../../record/layout.ts'
import { type ChunkHead, ChunkType } from '../chunk.ts'
import type { BlockSegment, SegmentMaker } from '../compaction/block-segment.ts'
import { KeptEntries } from '../compaction/kept-entries.ts'
import type { SegmentInfo } from '../segment.ts'

/**
 * Writes a segment chunk by chunk as it was appended, without what is not kept: units end where they did, and every chunk
 * has its own time.
 */
export class PackedWriter implements SegmentMaker {
  readonly #segment: BlockSegment
  readonly #entries = new KeptEntries()
  #chunk: ChunkHead | undefined
  /** Bytes of the last entry where that ends the unit. */
  #endSize = 0

  constructor(segment: BlockSegment) {
    this.#segment = segment
  }

  async begin(head: ChunkHead): Promise<void> {
    await this.#seal()
    this.#chunk = head
  }

  keep(payload: Buffer, at: number, end: number, offset: number, kind: number): void {
    this.#entries.add(payload, at, end, offset - this.#chunk!.base, kind)
    this.#endSize = kind === EntryKind.unitEnd || kind === EntryKind.heartbeat ? end - at : 0
  }

  async finish(): Promise<SegmentInfo> {
    await this.#seal()
    const { base, entries, session } = this.#chunk!
    return this.#segment.finish(base + entries, session)
  }

  async abandon(): Promise<void> {
    await this.#segment.close()
  }

  async #seal(): Promise<void> {
    if (this.#chunk === undefined) return
    const { base, entries, session, appendTime, unitBase } = this.#chunk
    const head = { type: ChunkType.packed, base, entries, session, appendTime, unitBase, endSize: this.#endSize }
    await this.#segment.chunk(head, this.#entries)
    this.#endSize = 0
  }
}
