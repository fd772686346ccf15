import type { ForgottenRow, NewestChange } from '../forget/forgotten-rows.ts'
import type { Evidence } from './evidence.ts'
import type { Incarnation, Incarnations } from './incarnations.ts'
import type { IncompleteKeys } from './incomplete-keys.ts'
import { Prefix, RowFlag, rowOffset, Scratch } from './layout.ts'
import { type PurgePlace, purge } from './purge.ts'
import { removeFrom } from './store.ts'

/** Rows of which the store is asked, or told, in one turn. */
const PAGE = 1000
/** LevelDB may merge files while they are rewritten, and note where it has come to. */
const TRIES = 3

export interface ForgetPlace extends PurgePlace {
  readonly incarnations: Incarnations
  readonly incomplete: IncompleteKeys
  readonly evidence: Evidence
  /** Drops what is indexed of a unit that is being written. */
  dropUnit(): Promise<void>
}

/**
 * The keys that were forgotten, in memory only: a load may have read such a row before it was deleted, and asks of it when
 * it comes to merge what it has read. Its delete is still to be known then, or the row would come back.
 */
export class ForgottenKeys {
  /** Values of rows, by their keys. */
  readonly #values = new Map<string, Buffer>()
  readonly #keys = new Scratch()

  get(rowKey: Buffer): Buffer | undefined {
    return this.#values.size === 0 ? undefined : this.#values.get(rowKey.toString('latin1'))
  }

  /** How these rows stand in the store. */
  newest({ store, incarnations }: ForgetPlace, rows: readonly ForgottenRow[]): NewestChange[] {
    return rows.map(({ table, key }) => {
      let offset = 0
      let isLive = false
      for (const life of livesOf(incarnations, table)) {
        const value = store.get(this.#keys.rowKey(Prefix.row, life.number, key))
        if (value === undefined) continue
        offset = Math.max(offset, rowOffset(value))
        const isDeleted = (value[0]! & RowFlag.delete) !== 0
        isLive ||= !isDeleted && rowOffset(value) >= life.floor && incarnations.isNewest(life)
      }
      return { offset, isLive }
    })
  }

  /** Removes them, unless they have changed again from offset `below` on. No file of the store holds them on return. */
  async forget(place: ForgetPlace, rows: readonly ForgottenRow[], below: number): Promise<void> {
    const removed = new Set<string>()
    for (let from = 0; from < rows.length; from += PAGE)
      await place.inTurn(() => this.#remove(place, rows.slice(from, from + PAGE), below, removed))
    await place.inTurn(() => place.dropUnit())
    for (let i = 0; i < TRIES; i++) {
      await purge(place)
      for (const key of removed) if (place.store.get(Buffer.from(key, 'latin1')) !== undefined) removed.delete(key)
      if (!(await place.store.isNoted(removed))) return
    }
    throw new Error('its files name rows that were forgotten')
  }

  async #remove(
    { store, incarnations, incomplete, evidence }: ForgetPlace,
    rows: readonly ForgottenRow[],
    below: number,
    removed: Set<string>,
  ): Promise<void> {
    const batch = store.batch()
    for (const { table, key } of rows) {
      for (const life of livesOf(incarnations, table)) {
        const rowKey = this.#keys.rowKey(Prefix.row, life.number, key)
        const value = store.get(rowKey)
        if (value !== undefined && rowOffset(value) >= below) continue
        if (value !== undefined) this.#values.set(rowKey.toString('latin1'), value)
        // Also where there is none: one that was removed before may still stand in a file.
        removed.add(removeFrom(batch, rowKey))
        incomplete.note(batch, life, rowKey, false, 0)
        removed.add(removeFrom(batch, this.#keys.rowKey(Prefix.incomplete, life.number, key)))
      }
      for (const seen of evidence.forget(batch, table, key)) removed.add(seen)
    }
    await store.write(batch)
    incomplete.written()
  }
}

function livesOf(incarnations: Incarnations, table: string): Incarnation[] {
  return [...incarnations.all()].filter(life => life.table === table)
}
