import { type ChunkHead, ChunkType } from '../chunk.ts'
import type { SegmentInfo } from '../segment.ts'
import type { BlockSegment, SegmentMaker } from './block-segment.ts'
import { KeptEntries } from './kept-entries.ts'

/** Entries of one chunk, as far as those of one chunk of the log let it. */
const CHUNK_BYTES = 256 * 1024
/** Offsets that a chunk stands for at most; deltas take 32 bits. */
const MOST_OFFSETS = 2 ** 31

interface OpenChunk {
  readonly base: number
  readonly session: string
  last: number
  appendTime: bigint
}

/** Writes one compacted segment: the entries that are kept of many chunks, put together to larger ones. */
export class CompactedWriter implements SegmentMaker {
  readonly #segment: BlockSegment
  readonly #entries = new KeptEntries()
  #chunk: OpenChunk | undefined

  constructor(segment: BlockSegment) {
    this.#segment = segment
  }

  /** Bytes of the file so far. */
  get bytes(): number {
    return this.#segment.bytes
  }

  async begin({ base, entries, session, appendTime }: ChunkHead): Promise<void> {
    const last = base + entries - 1
    const chunk = this.#chunk
    const fits = this.#entries.length < CHUNK_BYTES && chunk?.session === session && last - chunk.base < MOST_OFFSETS
    if (chunk === undefined || !fits) {
      await this.#seal()
      this.#chunk = { base, last, session, appendTime }
      return
    }
    chunk.last = last
    if (appendTime > chunk.appendTime) chunk.appendTime = appendTime
  }

  keep(payload: Buffer, at: number, end: number, offset: number, kind: number): void {
    this.#entries.add(payload, at, end, offset - this.#chunk!.base, kind)
  }

  async finish(): Promise<SegmentInfo> {
    await this.#seal()
    return this.#segment.finish(this.#chunk!.last + 1, this.#chunk!.session)
  }

  async abandon(): Promise<void> {
    await this.#segment.close()
  }

  async #seal(): Promise<void> {
    if (this.#chunk === undefined) return
    const { base, last, session, appendTime } = this.#chunk
    const common = { base, unitBase: base, session, appendTime, endSize: 0 }
    await this.#segment.chunk({ ...common, type: ChunkType.compacted, entries: last - base + 1 }, this.#entries)
  }
}
