import { join } from 'node:path'
import { ChunkType, holdsEntries } from '../chunk.ts'
import { damaged, openExisting } from '../failures.ts'
import type { File, Fs } from '../fs.ts'
import { type FoundChunk, isFlaw, KeptMemory, openSegment, type Place, SegmentScan } from '../scan.ts'
import { segmentName } from '../segment.ts'
import type { CompactedSet } from './compacted-set.ts'

export interface TrailChunk extends FoundChunk {
  readonly segment: number
}

/**
 * Follows the segments chunk by chunk, verifying all checksums. Reads nothing beyond where it is told that they go. A
 * chunk is valid until the next one is read, or it is given back.
 */
export class Trail implements AsyncDisposable {
  readonly #fs: Fs
  readonly #folder: string
  readonly #logId: string
  readonly #compacted: CompactedSet
  #place: Place | undefined
  #next: number
  #segment: number
  #file: File | undefined
  #scan: SegmentScan | undefined
  readonly #memory = new KeptMemory()

  /** `place`: where the next chunk stands; undefined: at the beginning of the segment that `next` names. */
  constructor(
    { fs, folder, logId }: { readonly fs: Fs; readonly folder: string; readonly logId: string },
    compacted: CompactedSet,
    place: Place | undefined,
    next: number,
  ) {
    this.#fs = fs
    this.#folder = folder
    this.#logId = logId
    this.#compacted = compacted
    this.#place = place
    this.#segment = place?.segment ?? next
    this.#next = next
  }

  /** Behind the last chunk read; undefined before the first. */
  get place(): Place | undefined {
    return this.#place
  }

  /** Offset of the entry that comes next. */
  get next(): number {
    return this.#next
  }

  /** The next chunk before `until`; undefined there. Throws LOG_DAMAGED. */
  async read(until: Place): Promise<TrailChunk | undefined> {
    for (;;) {
      if (this.#file === undefined) this.#passCompacted()
      this.#file ??= await openExisting(this.#fs, this.#path())
      const isLast = this.#segment === until.segment
      const limit = isLast ? until.at : await this.#file.size()
      this.#scan ??= new SegmentScan(this.#file, await this.#start(this.#file), limit, this.#memory.take)
      this.#scan.limit = limit
      const found = await this.#scan.next()
      if (isFlaw(found)) throw damaged(this.#path(), found.at, found.flaw)
      if (found?.header.type === ChunkType.places) continue
      if (found !== undefined) return this.#take(found)
      if (isLast) return undefined
      await this.#leave()
      this.#segment = this.#next
    }
  }

  /** The chunk is used up. */
  giveBack({ payload }: TrailChunk): void {
    this.#memory.giveBack(payload)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#leave()
    this.#memory[Symbol.dispose]()
  }

  #take(found: FoundChunk): TrailChunk {
    const { header, at, end } = found
    if (header.base !== this.#next)
      throw damaged(this.#path(), at, `offset ${header.base} stands where ${this.#next} was expected`)
    if (holdsEntries(header.type)) this.#next += header.entries
    this.#place = { segment: this.#segment, at: end, crc: header.crc }
    return { ...found, segment: this.#segment }
  }

  /** The segment that it stood at the end of is there no more. */
  #passCompacted(): void {
    const { first } = this.#compacted
    if (this.#place === undefined || this.#segment >= first || this.#next < first) return
    this.#place = undefined
    this.#segment = this.#next
  }

  async #start(file: File): Promise<Place> {
    if (this.#place?.segment === this.#segment) return this.#place
    const place = await openSegment(file, this.#segment, this.#logId)
    if (isFlaw(place)) throw damaged(this.#path(), place.at, place.flaw)
    return place
  }

  async #leave(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    this.#scan = undefined
    await file?.close()
  }

  #path(): string {
    return join(this.#folder, segmentName(this.#compacted.files.get(this.#segment) ?? { first: this.#segment }))
  }
}
