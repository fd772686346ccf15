import { join } from 'node:path'
import type { Table, UnitEnd } from '../../contract.ts'
import { errorCode } from '../../errors.ts'
import { HEADER, LONG } from '../../record/layout.ts'
import { decodeUnitEnd, freeze } from '../../record/schema.ts'
import { ChunkType } from './chunk.ts'
import type { File, Fs } from './fs.ts'
import type { Head } from './head.ts'
import { type FoundChunk, isFlaw, openSegment, type Place, SegmentScan } from './scan.ts'
import { segmentName } from './segment.ts'

/** Where and why a walk ended. */
export interface WalkEnd {
  readonly segment: number
  readonly at: number
  /** Undefined if nothing follows. */
  readonly flaw: string | undefined
}

/**
 * Reads on from the head, unit by unit, and moves it to the end of each: how a log is known again after an opening, and
 * how a reader in another process follows its owner. Nothing beyond `until` is looked at.
 */
export async function walkUnits(
  { fs, folder, logId }: { readonly fs: Fs; readonly folder: string; readonly logId: string },
  head: Head,
  until?: Place,
): Promise<WalkEnd> {
  const walk = new UnitWalk(head)
  const from = head.place
  let end: WalkEnd = { segment: from?.segment ?? walk.next, at: from?.at ?? 0, flaw: undefined }
  for (let first = end.segment; ; first = walk.next) {
    await using file = await openIfThere(fs, join(folder, segmentName({ first })))
    if (file === undefined) return end
    const place = first === from?.segment ? from : await openSegment(file, first, logId)
    if (isFlaw(place)) return { segment: first, ...place }
    walk.enter(first, place.at)
    const limit = first === until?.segment ? until.at : await file.size()
    const scan = new SegmentScan(file, place, limit)
    for (;;) {
      end = { segment: first, at: scan.at, flaw: undefined }
      const found = await scan.next()
      if (found === undefined) break
      const flaw = isFlaw(found) ? found.flaw : walk.take(first, found)
      if (flaw !== undefined) return { ...end, flaw }
    }
    if (first === until?.segment || walk.next === first) return end
  }
}

async function openIfThere(fs: Fs, path: string): Promise<File | undefined> {
  try {
    return await fs.open(path, 'read')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Puts chunks together to units. */
export class UnitWalk {
  readonly #head: Head
  #next: number
  #tables: Table[] = []
  /** Segments touched since the last unit end. */
  #touched: { first: number; bytes: number; records: number }[] = []

  constructor(head: Head) {
    this.#head = head
    this.#next = head.end + 1
  }

  /** Offset that the next entry must have. */
  get next(): number {
    return this.#next
  }

  /** The chunks that follow come from this segment. */
  enter(first: number, bytes: number): void {
    const known = this.#head.segments.at(-1)
    this.#touched.push({ first, bytes, records: known?.first === first ? known.records : 0 })
  }

  /** Answers what is wrong with the chunk, if anything is. */
  take(segment: number, { header, payload, end }: FoundChunk): string | undefined {
    if (header.base !== this.#next) return `offset ${header.base} stands where ${this.#next} was expected`
    if (header.unitBase !== this.#head.end + 1) return 'the chunk belongs to another unit'
    if (!this.#head.cursors.knows(header.session)) return 'the chunk was written by an unknown session'
    const touched = this.#touched.at(-1)!
    touched.bytes = end
    if (header.type === ChunkType.tables) {
      this.#tables.push(...(JSON.parse(payload.toString('utf8')) as Table[]).map(freeze))
      return undefined
    }
    if (header.type !== ChunkType.data) return `a chunk of the unknown kind ${header.type}`
    this.#next += header.entries
    touched.records += header.changes
    if (header.endSize > 0) this.#end(unitEnd(payload, header.endSize), { segment, at: end, crc: header.crc })
    return undefined
  }

  #end(end: UnitEnd, place: Place): void {
    const segments = this.#touched.map(segment => ({ ...segment }))
    this.#head.advance({ end, last: this.#next - 1, tables: this.#tables, place, segments, chunks: [] })
    this.#tables = []
    this.#touched = this.#touched.slice(-1)
  }
}

function unitEnd(payload: Buffer, size: number): UnitEnd {
  const at = payload.length - size
  const long = payload.readUInt32LE(at) === LONG
  return decodeUnitEnd(payload.subarray(at + HEADER + (long ? 8 : 0) + 8))
}
