import type { Incarnation, Incarnations } from './incarnations.ts'
import { behind, decodeOffset, encodeOffset, KEY_AT, Prefix, prefixOf } from './layout.ts'
import { type PackedRuns, RunPacker } from './packing.ts'
import type { Store, StoreBatch } from './store.ts'

/**
 * The keys whose newest row has absent cells. Looked at only while a table has any, so that whole rows cost nothing.
 * What a truncate has ended stays stored and counts no more.
 */
export class IncompleteKeys {
  readonly #store: Store
  readonly #incarnations: Incarnations
  /** Lives that may have any. */
  readonly #lives = new Set<Incarnation>()
  /** Of the batch that is being put together, by key: whether it is incomplete now. */
  readonly #open = new Map<string, number | undefined>()

  private constructor(store: Store, incarnations: Incarnations) {
    this.#store = store
    this.#incarnations = incarnations
  }

  /** Counts them, into the incarnations. */
  static async load(store: Store, incarnations: Incarnations): Promise<IncompleteKeys> {
    const keys = new IncompleteKeys(store, incarnations)
    for await (const [key, value] of store.all(Prefix.incomplete)) {
      const life = incarnations.withNumber(key.readUInt32BE(1))
      if (life !== undefined && decodeOffset(value) > life.floor) keys.#count(life)
    }
    return keys
  }

  /** How many there are, by table name: of the life that it lives now. */
  counts(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const life of this.#lives) {
      if (life.incomplete === 0) this.#lives.delete(life)
      else if (this.#incarnations.isNewest(life)) counts.set(life.table, life.incomplete)
    }
    return counts
  }

  #count(life: Incarnation): void {
    life.incomplete++
    this.#lives.add(life)
  }

  /** The newest record of the key stands at `offset`. `rowKey`: its key in the index; changed and changed back. */
  note(batch: StoreBatch, life: Incarnation, rowKey: Buffer, isIncomplete: boolean, offset: number): void {
    rowKey[0] = Prefix.incomplete
    const name = rowKey.toString('latin1')
    const known = this.#open.has(name) ? this.#open.get(name) : this.#stored(rowKey)
    const was = known !== undefined && known > life.floor
    if (isIncomplete) {
      batch.put(rowKey, encodeOffset(offset))
      this.#open.set(name, offset)
      if (!was) this.#count(life)
    } else if (known !== undefined) {
      batch.del(rowKey)
      this.#open.set(name, undefined)
      if (was) life.incomplete--
    }
    rowKey[0] = Prefix.row
  }

  /** The batch is in the store. */
  written(): void {
    this.#open.clear()
  }

  /** At most `limit` of them, behind `after`, in their order. */
  async list(life: Incarnation, after: Uint8Array | undefined, limit: number): Promise<PackedRuns> {
    const keys = new RunPacker(limit)
    if (life.incomplete === 0) return keys.packed()
    const from = behind(Prefix.incomplete, life.number, after)
    await using stored = this.#store.entries(from, prefixOf(Prefix.incomplete, life.number + 1))
    for await (const [key, value] of stored) {
      if (keys.count === limit) break
      if (decodeOffset(value) > life.floor) keys.add(key, KEY_AT, key.length)
    }
    return keys.packed()
  }

  #stored(key: Buffer): number | undefined {
    const value = this.#store.get(key)
    return value === undefined ? undefined : decodeOffset(value)
  }
}
