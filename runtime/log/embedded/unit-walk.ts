import type { Table, UnitEnd } from '../../contract.ts'
import { HEADER, LONG } from '../../record/layout.ts'
import { decodeUnitEnd, freeze } from '../../record/schema.ts'
import { ChunkType } from './chunk.ts'
import type { Cursors } from './cursors.ts'
import type { Head } from './head.ts'
import type { FoundChunk, Place } from './scan.ts'

/**
 * Puts chunks read in order together to units and moves the head to each unit's end: how a log is known again after an
 * opening, and how a reader in another process follows its owner.
 */
export class UnitWalk {
  readonly #head: Head
  readonly #cursors: Cursors
  #next: number
  #tables: Table[] = []
  /** Segments touched since the last unit end. */
  #touched: { first: number; bytes: number; records: number }[] = []

  constructor(head: Head, cursors: Cursors) {
    this.#head = head
    this.#cursors = cursors
    this.#next = head.end + 1
  }

  /** Offset that the next entry must have. */
  get next(): number {
    return this.#next
  }

  /** A segment begins, or the walk begins inside it. */
  enter(first: number, bytes: number, records: number): void {
    this.#touched.push({ first, bytes, records })
  }

  /** Takes the next chunk of the segment entered last. Answers what is wrong with it, if anything is. */
  take(segment: number, { header, payload, end }: FoundChunk): string | undefined {
    if (header.base !== this.#next) return `offset ${header.base} stands where ${this.#next} was expected`
    if (header.unitBase !== this.#head.end + 1) return 'the chunk belongs to another unit'
    if (!this.#cursors.knows(header.session)) return 'the chunk was written by an unknown session'
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
