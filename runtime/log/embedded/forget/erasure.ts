import { readU32LE } from '../../../record/cells.ts'
import { findParts, newParts } from '../../../record/entry-parts.ts'
import { At, EntryKind, Flag } from '../../../record/layout.ts'
import { checkEntry, entryLength } from '../../../record/slice.ts'
import type { ChunkEntries, Kept } from '../compaction/survivors.ts'
import { withBody } from './entry-body.ts'
import type { ForgottenRows } from './forgotten-rows.ts'
import { withoutNotes } from './lane-notes.ts'

/** The length of no key. */
const NO_KEY = Buffer.alloc(4)

/** Takes rows to be forgotten out of chunks, and leaves all else as it is. */
export class Erasure {
  readonly #rows: ForgottenRows
  readonly #parts = newParts()
  /** By the place of the row: its changes so far. */
  readonly removed = new Map<number, number>()
  /** Greatest offset of a delete among them. */
  expired = 0

  constructor(rows: ForgottenRows) {
    this.#rows = rows
  }

  /** Whether the chunk holds anything that is to go. */
  concerns({ payload }: Pick<ChunkEntries, 'payload'>): boolean {
    for (let at = 0, end = 0; at < payload.length; at = end) {
      end = at + entryLength(payload, at, payload.length)
      const kind = this.#kindOf(payload, at)
      if (this.#placeOf(payload, at, end, kind) !== undefined || this.#rewritten(payload, at, end, kind) !== undefined)
        return true
    }
    return false
  }

  /** Hands on what is left of the chunk. */
  take({ payload, base }: ChunkEntries, into: Kept): void {
    for (let at = 0, end = 0; at < payload.length; at = end) {
      end = at + entryLength(payload, at, payload.length)
      const kind = this.#kindOf(payload, at)
      const offset = base + readU32LE(payload, at + At.delta)
      const place = this.#placeOf(payload, at, end, kind)
      if (place !== undefined) {
        this.removed.set(place, (this.removed.get(place) ?? 0) + 1)
        if (kind === EntryKind.delete) this.expired = offset
        continue
      }
      const rewritten = this.#rewritten(payload, at, end, kind)
      if (rewritten === undefined) into.keep(payload, at, end, offset, kind)
      else into.keep(rewritten, 0, rewritten.length, offset, kind)
    }
  }

  #kindOf(payload: Buffer, at: number): number {
    const kind = payload[at + At.kind]!
    checkEntry(kind, payload[at + At.flags]!, at)
    return kind
  }

  /** Of the row that the entry changes; undefined: none that is to be forgotten. */
  #placeOf(payload: Buffer, at: number, end: number, kind: number): number | undefined {
    if (!this.#isOfRow(payload, at, kind)) return undefined
    findParts(payload, at, end, this.#parts)
    return this.#rows.place(readU32LE(payload, at + At.table), payload, this.#parts.keyAt, this.#parts.keyEnd)
  }

  #isOfRow(payload: Buffer, at: number, kind: number): boolean {
    const isChange = kind !== EntryKind.transaction && kind !== EntryKind.unitEnd && kind !== EntryKind.heartbeat
    return isChange && readU32LE(payload, at + At.keyLength) > 0 && this.#rows.isOf(readU32LE(payload, at + At.table))
  }

  /** An entry that stays, without what it tells of such a row; undefined: it tells nothing. */
  #rewritten(payload: Buffer, at: number, end: number, kind: number): Buffer | undefined {
    if (kind === EntryKind.unitEnd || kind === EntryKind.heartbeat) return withoutNotes(payload, at, end, this.#rows)
    const flags = payload[at + At.flags]!
    if ((flags & Flag.moved) === 0 || !this.#isOfRow(payload, at, kind)) return undefined
    const parts = this.#parts
    findParts(payload, at, end, parts)
    const { movedAt, movedEnd, beforeAt, beforeEnd } = parts
    if (this.#rows.place(readU32LE(payload, at + At.table), payload, movedAt, movedEnd) === undefined) return undefined
    // That its key changed stays true: sinks tell the old key of a moved row from a row that was deleted.
    const isOfOther = beforeAt !== -1 && kind !== EntryKind.delete
    if (!isOfOther) return withBody(payload, at, flags, [NO_KEY, payload.subarray(movedEnd, end)])
    const rest = [payload.subarray(movedEnd, beforeAt - 8), payload.subarray(beforeEnd, end)]
    return withBody(payload, at, flags & ~Flag.before, [NO_KEY, ...rest])
  }
}
