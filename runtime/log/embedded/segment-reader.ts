import { join } from 'node:path'
import { errorCode } from '../../errors.ts'
import { countEntries, wholeSlice } from '../../record/slice.ts'
import { CHUNK_HEADER, type ChunkHeader, ChunkType, holdsEntries, inBlocks } from './chunk.ts'
import { type EntryHead, walkHeads } from './entry-heads.ts'
import { damaged } from './failures.ts'
import type { File, Fs } from './fs.ts'
import type { Head } from './head.ts'
import type { LogChunk } from './ring.ts'
import { type Flaw, isFlaw, openSegment, type Place, SegmentScan, shareableMemory } from './scan.ts'
import { type SegmentInfo, segmentName } from './segment.ts'

/** A chunk as its header tells of it. */
export interface ChunkOutline {
  readonly base: number
  /** Offset of its last entry. */
  readonly last: number
  /** Changes among its entries. */
  readonly changes: number
  /** Changes in its segment before it. */
  readonly recordsBefore: number
  /** Bytes of its segment before and with it. */
  readonly end: number
  /** See entry-heads.ts. */
  walk(visit: (head: EntryHead) => void): Promise<void>
}

/**
 * Reads durable chunks from the segments, verifying all checksums. Bounded memory: a window, or one larger chunk. A
 * segment that compaction replaces meanwhile is left at the next chunk.
 */
export class SegmentReader implements AsyncDisposable {
  readonly #fs: Fs
  readonly #folder: string
  readonly #logId: string
  readonly #head: Head
  #file: File | undefined
  #scan: SegmentScan | undefined
  #segment: SegmentInfo | undefined
  #records = 0
  /** The offset that the scan comes to next. */
  #next = 0

  constructor(fs: Fs, folder: string, logId: string, head: Head) {
    this.#fs = fs
    this.#folder = folder
    this.#logId = logId
    this.#head = head
  }

  /** The chunk that holds this offset, which must be durable. Throws LOG_DAMAGED. */
  async chunk(offset: number): Promise<LogChunk> {
    const { header, payload } = await this.#step(offset, scan => scan.next())
    const slice = wholeSlice(payload, header.base, header.appendTime)
    const isThinned = header.type === ChunkType.packed && countEntries(slice) < header.entries
    return {
      slice,
      last: header.base + header.entries - 1,
      changes: header.changes,
      endsUnit: header.endSize > 0 || header.type === ChunkType.compacted,
      isCompacted: header.type === ChunkType.compacted || isThinned,
      tables: undefined,
    }
  }

  /** What the header of the same chunk says. Nothing else is read of it, however large it is. */
  async outline(offset: number): Promise<ChunkOutline> {
    const { header, at, records, payload } = await this.#step(offset, async scan => {
      const { at } = scan
      const found = await scan.peek()
      if (found === undefined || isFlaw(found)) return found
      if (inBlocks(found.type)) return scan.next()
      scan.pass(found)
      return { header: found, at, payload: undefined }
    })
    const file = this.#file!
    const path = this.#path()
    const from = at + CHUNK_HEADER
    const end = from + header.length
    return {
      base: header.base,
      last: header.base + header.entries - 1,
      changes: header.changes,
      recordsBefore: records,
      end,
      walk: visit =>
        payload === undefined
          ? walkHeads(file, path, from, end, visit)
          : walkHeads(inMemory(payload), path, 0, payload.length, visit),
    }
  }

  /** Brings the scan to the chunk of entries that holds the offset; `step` takes each chunk on the way there. */
  async #step<T extends { readonly header: ChunkHeader }>(
    offset: number,
    step: (scan: SegmentScan) => Promise<T | Flaw | undefined>,
  ): Promise<T & { readonly records: number }> {
    if (this.#scan === undefined || this.#next !== offset || this.#current() === undefined) await this.#seek(offset)
    for (;;) {
      const scan = this.#scan!
      scan.limit = this.#current()?.bytes ?? scan.limit
      const { at } = scan
      const found = await step(scan)
      if (isFlaw(found)) throw this.#damaged(found)
      if (found === undefined) {
        await this.#seek(offset)
        if (this.#scan!.at >= this.#scan!.limit) throw this.#damaged({ at, flaw: 'entries are missing' })
        continue
      }
      this.#checkOrder(found.header, at)
      const records = this.#records
      this.#passed(found.header)
      if (holdsEntries(found.header.type)) return { ...found, records }
    }
  }

  /** Compaction has replaced the segment that was read last. */
  get isStale(): boolean {
    return this.#current() === undefined
  }

  /** Lets the file go; the next `chunk` opens it again. */
  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    this.#scan = undefined
    await file?.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Puts the scan in front of the chunk that holds the offset, by headers alone. */
  async #seek(offset: number): Promise<void> {
    const { file, info } = await this.#open(offset)
    const known = this.#head.places.floor(info.first, offset)
    const start = known ?? { ...(await this.#start(file)), offset: info.first, records: 0 }
    const scan = new SegmentScan(file, start, info.bytes, shareableMemory)
    this.#scan = scan
    this.#records = start.records
    this.#next = start.offset
    for (;;) {
      const at = scan.at
      const header = await scan.peek()
      if (isFlaw(header)) throw this.#damaged(header)
      if (header === undefined) return
      this.#checkOrder(header, at)
      if (header.base + header.entries > offset || header.base === offset) {
        this.#next = offset
        return
      }
      scan.pass(header)
      this.#passed(header)
    }
  }

  /** The segment that holds the offset. Throws LOG_DAMAGED if its file is missing. */
  async #open(offset: number): Promise<{ readonly file: File; readonly info: SegmentInfo }> {
    for (;;) {
      const info = this.#head.segments[this.#head.segmentOf(offset)]
      if (info === undefined) throw new RangeError(`offset ${offset} is in no segment`)
      if (this.#file !== undefined && isSameFile(this.#segment, info)) return { file: this.#file, info }
      await this.close()
      this.#segment = info
      try {
        this.#file = await this.#fs.open(this.#path(), 'read')
        return { file: this.#file, info }
      } catch (cause) {
        if (errorCode(cause) !== 'ENOENT') throw cause
        // Compaction may have replaced it since, and another reader have learned of that first.
        if (this.#current() !== undefined && !(await this.#head.refresh()) && this.#current() !== undefined)
          throw damaged(this.#path(), 0, 'the file is missing', cause)
      }
    }
  }

  async #start(file: File): Promise<Place> {
    const place = await openSegment(file, this.#segment!.first, this.#logId)
    if (isFlaw(place)) throw this.#damaged(place)
    return place
  }

  #checkOrder(header: ChunkHeader, at: number): void {
    const { type, base, entries } = header
    if (type > ChunkType.packed) throw this.#damaged({ at, flaw: `a chunk of the unknown kind ${type}` })
    const fits = holdsEntries(type) ? base <= this.#next && this.#next < base + entries : base === this.#next
    if (!fits) throw this.#damaged({ at, flaw: `offset ${base} stands where ${this.#next} was expected` })
  }

  /** Accounts for the chunk that the scan has just left behind. */
  #passed(header: ChunkHeader): void {
    const { at, crc } = this.#scan!
    this.#records += header.changes
    this.#next = header.base + header.entries
    const segment = this.#current()?.first
    if (segment === undefined) return
    this.#head.places.note({ segment, at, crc, offset: this.#next, records: this.#records })
  }

  /** The open segment as it is now; undefined once compaction has replaced it. */
  #current(): SegmentInfo | undefined {
    const info = this.#segment && this.#head.segments[this.#head.segmentOf(this.#segment.first)]
    return isSameFile(this.#segment, info) ? info : undefined
  }

  #path(): string {
    return join(this.#folder, segmentName(this.#segment!))
  }

  #damaged({ at, flaw }: Flaw): Error {
    return damaged(this.#path(), at, flaw)
  }
}

function isSameFile(a: SegmentInfo | undefined, b: SegmentInfo | undefined): boolean {
  return a?.first === b?.first && a?.compacted?.generation === b?.compacted?.generation
}

function inMemory(payload: Buffer): Pick<File, 'read'> {
  return { read: async (into, at) => payload.copy(into, 0, at) }
}
