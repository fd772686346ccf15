import type { Table } from '../../../contract.ts'
import { malformed, readU32LE } from '../../../record/cells.ts'
import { At, EntryKind } from '../../../record/layout.ts'
import { checkEntry, entryLength } from '../../../record/slice.ts'
import type { LifeState, Liveness } from './live-offsets.ts'

/** What may go of a chunk beyond what something newer made needless. */
export interface Expiry {
  /** Deletes: everybody has read them, and they are old enough. */
  readonly deletes: boolean
  /** Rows without a key, and messages: the same, by their own age. */
  readonly events: boolean
}

/** A chunk as it was read: its entries, and the offset that their deltas count from. */
export interface ChunkEntries {
  readonly payload: Buffer
  readonly base: number
}

/** Takes what is kept, in the log's order; a transaction's header comes ahead of the first that is kept below it. */
export interface Kept {
  keep(payload: Buffer, at: number, end: number, offset: number, kind: number): void
}

/** Tells what a compacted log keeps of a chunk (R3.1 to R3.3). */
export class Survivors {
  readonly #liveness: Liveness
  readonly #lives = new Map<string, LifeState>()
  readonly #ofTable = new Map<number, LifeState>()
  /** Changes looked at, and kept. */
  scanned = 0
  kept = 0
  /** Greatest offset of a delete, or of a row without a key, that is not kept though nothing newer made it needless. */
  expired = 0

  constructor(liveness: Liveness) {
    this.#liveness = liveness
    for (const life of liveness.lives) this.#lives.set(nameOf(life.table, life.incarnation), life)
  }

  know({ id, name, incarnation }: Pick<Table, 'id' | 'name' | 'incarnation'>): void {
    const life = this.#lives.get(nameOf(name, incarnation))
    if (life !== undefined) this.#ofTable.set(id, life)
  }

  take({ payload, base }: ChunkEntries, expiry: Expiry, into: Kept): void {
    let headerAt = -1
    let headerEnd = 0
    for (let at = 0, end = 0; at < payload.length; at = end) {
      end = at + entryLength(payload, at, payload.length)
      const kind = payload[at + At.kind]!
      checkEntry(kind, payload[at + At.flags]!, at)
      if (kind === EntryKind.transaction) {
        headerAt = at
        headerEnd = end
        continue
      }
      if (kind === EntryKind.unitEnd || kind === EntryKind.heartbeat) {
        headerAt = -1
        continue
      }
      this.scanned++
      const offset = base + readU32LE(payload, at + At.delta)
      if (!this.#isKept(payload, at, kind, offset, expiry)) continue
      if (headerAt !== -1) {
        const headerOffset = base + readU32LE(payload, headerAt + At.delta)
        into.keep(payload, headerAt, headerEnd, headerOffset, EntryKind.transaction)
        headerAt = -1
      }
      this.kept++
      into.keep(payload, at, end, offset, kind)
    }
  }

  #isKept(payload: Buffer, at: number, kind: number, offset: number, expiry: Expiry): boolean {
    if (kind === EntryKind.schema) return true
    const id = readU32LE(payload, at + At.table)
    const life = this.#ofTable.get(id)
    if (life === undefined) throw malformed(`a change of table ${id}, which was never announced,`, at)
    if (!life.isNewest || offset < life.floor) return false
    if (kind === EntryKind.truncate) return true
    const hasKey = kind !== EntryKind.message && readU32LE(payload, at + At.keyLength) > 0
    if (hasKey && !this.#liveness.offsets.has(offset)) return false
    const hasExpired = hasKey ? kind === EntryKind.delete && expiry.deletes : expiry.events
    if (hasExpired) this.expired = Math.max(this.expired, offset)
    return !hasExpired
  }
}

function nameOf(table: string, incarnation: number): string {
  return `${incarnation} ${table}`
}
