import type { RowKey } from '../../../contract.ts'
import { asBuffer } from '../../../record/cells.ts'
import type { ForgottenRow } from './forgotten-rows.ts'

/** Rows as they were given, each once. */
export class UniqueRows {
  readonly all: ForgottenRow[] = []
  /** Of each that was given, its place in `all`. */
  readonly #places: number[] = []

  constructor(given: readonly RowKey[]) {
    const known = new Map<string, number>()
    for (const { table, key } of given) {
      const name = `${table.name} ${asBuffer(key).toString('latin1')}`
      let place = known.get(name)
      if (place === undefined) {
        // A view would take all of the memory it lies in along to other threads.
        place = this.all.push({ table: table.name, key: new Uint8Array(key) }) - 1
        known.set(name, place)
      }
      this.#places.push(place)
    }
  }

  /** For each that was given what there is of it. */
  given<Of>(of: readonly Of[]): Of[] {
    return this.#places.map(place => of[place]!)
  }
}
