import { type ChunkHead, ChunkType } from '../chunk.ts'
import type { Fs } from '../fs.ts'
import { type SegmentInfo, segmentName } from '../segment.ts'
import { SegmentWriter } from '../segment-writer.ts'
import { ChunkPlaces } from './chunk-places.ts'
import type { KeptEntries } from './kept-entries.ts'
import { packPayload } from './payload.ts'
import type { Kept } from './survivors.ts'

/** So much is written between two syncs: one of much more would hold up those of the log. */
const SYNC_BYTES = 4 * 1024 * 1024

/** What a segment is written anew with. */
export interface SegmentMaker extends Kept {
  /** What is kept from now on is of the chunk with this header, the next in the log. */
  begin(head: ChunkHead): Promise<void>
  /** All of it is durable on return, except the file's name. */
  finish(): Promise<SegmentInfo>
  /** What was written stays behind, and counts for nothing. */
  abandon(): Promise<void>
}

export interface NewSegment {
  readonly first: number
  /** No file has it yet. */
  readonly generation: number
  readonly keepsHistory?: true
  /** Microseconds since 1970. Default: now. */
  readonly madeAt?: bigint
}

/** A segment that is written anew: chunks in blocks, and where they stand. */
export class BlockSegment {
  readonly #segment: SegmentWriter
  readonly #made: NewSegment
  readonly #places = new ChunkPlaces()
  #entryBytes = 0
  #syncedAt = 0

  private constructor(segment: SegmentWriter, made: NewSegment) {
    this.#segment = segment
    this.#made = made
  }

  static async create(
    place: { readonly fs: Fs; readonly folder: string; readonly logId: string },
    made: NewSegment,
  ): Promise<BlockSegment> {
    const { first, generation, madeAt } = made
    const name = segmentName({ first, compacted: { generation, placesAt: 0, entryBytes: 0 } })
    return new BlockSegment(await SegmentWriter.create(place, first, name, madeAt), made)
  }

  /** Bytes of the file so far. */
  get bytes(): number {
    return this.#segment.info.bytes
  }

  /** Writes a chunk of what was kept, which is kept no more. */
  async chunk(head: Omit<ChunkHead, 'changes'>, entries: KeptEntries): Promise<void> {
    const payload = packPayload(entries.bytes(), entries.headers)
    this.#places.add(head.base, this.#segment.place.at)
    this.#segment.put({ ...head, changes: entries.changes }, payload)
    await this.#segment.flush()
    this.#entryBytes += entries.length
    entries.clear()
    if (this.bytes - this.#syncedAt < SYNC_BYTES) return
    this.#syncedAt = this.bytes
    await this.#segment.sync()
  }

  /** `next`: offset behind it. All of it is durable on return, except the file's name. */
  async finish(next: number, session: string): Promise<SegmentInfo> {
    const { at: placesAt } = this.#segment.place
    const common = { base: next, unitBase: next, session, appendTime: 0n }
    const head = { ...common, type: ChunkType.places, entries: 0, changes: 0, endSize: 0 }
    this.#segment.put(head, this.#places.payload())
    await this.#segment.flush()
    await this.#segment.sync()
    await this.#segment.close()
    const { generation, keepsHistory } = this.#made
    const compacted = { generation, placesAt, entryBytes: this.#entryBytes }
    return { ...this.#segment.info, compacted: keepsHistory ? { ...compacted, keepsHistory } : compacted }
  }

  close(): Promise<void> {
    return this.#segment.close()
  }
}
