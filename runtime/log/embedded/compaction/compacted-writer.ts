import { At, EntryKind } from '../../../record/layout.ts'
import { type ChunkHeader, ChunkType } from '../chunk.ts'
import type { Fs } from '../fs.ts'
import { type SegmentInfo, segmentName } from '../segment.ts'
import { SegmentWriter } from '../segment-writer.ts'
import { ChunkPlaces } from './chunk-places.ts'
import { packPayload } from './payload.ts'
import type { Kept } from './survivors.ts'

/** Entries of one chunk, as far as those of one chunk of the log let it. */
const CHUNK_BYTES = 256 * 1024
/** Offsets that a chunk stands for at most; deltas take 32 bits. */
const MOST_OFFSETS = 2 ** 31
/** So much is written between two syncs: one of much more would hold up those of the log. */
const SYNC_BYTES = 4 * 1024 * 1024

interface OpenChunk {
  readonly base: number
  readonly session: string
  last: number
  appendTime: bigint
}

/** Writes one compacted segment: the entries that are kept of many chunks, put together to larger ones. */
export class CompactedWriter implements Kept {
  readonly #segment: SegmentWriter
  readonly #generation: number
  readonly #places = new ChunkPlaces()
  #chunk: OpenChunk | undefined
  #entries = Buffer.allocUnsafeSlow(2 * CHUNK_BYTES)
  #length = 0
  #headers: number[] = []
  #changes = 0
  #entryBytes = 0
  #syncedAt = 0

  private constructor(segment: SegmentWriter, generation: number) {
    this.#segment = segment
    this.#generation = generation
  }

  /** `generation`: no file has it yet. */
  static async create(
    place: { readonly fs: Fs; readonly folder: string; readonly logId: string },
    first: number,
    generation: number,
  ): Promise<CompactedWriter> {
    const name = segmentName({ first, compacted: { generation, placesAt: 0, entryBytes: 0 } })
    return new CompactedWriter(await SegmentWriter.create(place, first, name), generation)
  }

  /** Bytes of the file so far. */
  get bytes(): number {
    return this.#segment.info.bytes
  }

  /** What is kept from now on is of the chunk with this header, the next in the log. */
  async begin({ base, entries, session, appendTime }: ChunkHeader): Promise<void> {
    const last = base + entries - 1
    const chunk = this.#chunk
    const fits = this.#length < CHUNK_BYTES && chunk?.session === session && last - chunk.base < MOST_OFFSETS
    if (chunk === undefined || !fits) {
      await this.#seal()
      this.#chunk = { base, last, session, appendTime }
      return
    }
    chunk.last = last
    if (appendTime > chunk.appendTime) chunk.appendTime = appendTime
  }

  keep(payload: Buffer, at: number, end: number, offset: number, kind: number): void {
    const length = end - at
    const needed = this.#length + length
    if (needed > this.#entries.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#entries.length))
      this.#entries.copy(grown, 0, 0, this.#length)
      this.#entries = grown
    }
    payload.copy(this.#entries, this.#length, at, end)
    this.#entries.writeUInt32LE(offset - this.#chunk!.base, this.#length + At.delta)
    if (kind === EntryKind.transaction) this.#headers.push(this.#length)
    else this.#changes++
    this.#length = needed
  }

  /** All of it is durable on return, except the file's name. */
  async finish(): Promise<SegmentInfo> {
    await this.#seal()
    const { at: placesAt } = this.#segment.place
    const next = this.#chunk!.last + 1
    const common = { base: next, unitBase: next, session: this.#chunk!.session, appendTime: 0n }
    const head = { ...common, type: ChunkType.places, entries: 0, changes: 0, endSize: 0 }
    this.#segment.put(head, this.#places.payload())
    await this.#segment.flush()
    await this.#segment.sync()
    await this.#segment.close()
    const compacted = { generation: this.#generation, placesAt, entryBytes: this.#entryBytes }
    return { ...this.#segment.info, compacted }
  }

  /** What was written stays behind, and counts for nothing. */
  async abandon(): Promise<void> {
    await this.#segment.close()
  }

  async #seal(): Promise<void> {
    const chunk = this.#chunk
    if (chunk === undefined) return
    const payload = packPayload(this.#entries.subarray(0, this.#length), this.#headers)
    const { base, last, session, appendTime } = chunk
    this.#places.add(base, this.#segment.place.at)
    const common = { base, unitBase: base, session, appendTime, endSize: 0 }
    const head = { ...common, type: ChunkType.compacted, entries: last - base + 1, changes: this.#changes }
    this.#segment.put(head, payload)
    await this.#segment.flush()
    this.#entryBytes += this.#length
    this.#length = 0
    this.#changes = 0
    this.#headers = []
    if (this.#entries.length > 8 * CHUNK_BYTES) this.#entries = Buffer.allocUnsafeSlow(2 * CHUNK_BYTES)
    if (this.bytes - this.#syncedAt < SYNC_BYTES) return
    this.#syncedAt = this.bytes
    await this.#segment.sync()
  }
}
