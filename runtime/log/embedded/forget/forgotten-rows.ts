import type { Table } from '../../../contract.ts'
import { asBuffer } from '../../../record/cells.ts'

/** A row that is to be forgotten, on its way between threads. */
export interface ForgottenRow {
  /** Name of the table. */
  readonly table: string
  readonly key: Uint8Array
}

/** What the index knows of such a row. */
export interface NewestChange {
  /** Of the newest change of its key, in whatever incarnation; 0: none. */
  readonly offset: number
  /** It is there: not deleted, nor truncated away, nor of an incarnation that ended. */
  readonly isLive: boolean
}

/** Characters of base64 in a row. */
const BASE64 = /[A-Za-z0-9+/]+=*/g

interface Keys {
  /** Of each key, by its bytes as text of one byte a character: the place of its row. */
  readonly places: Map<string, number>
  /** Lengths that occur: most keys are told apart by theirs, without making text of them. */
  readonly lengths: Set<number>
  readonly base64: Set<string>
}

/** Knows the rows that are to be forgotten. */
export class ForgottenRows {
  readonly #byName = new Map<string, Keys>()
  readonly #byTable = new Map<number, Keys>()

  /** `tables`: every version. Of a row that comes twice the first place counts. */
  constructor(rows: readonly ForgottenRow[], tables: Iterable<Pick<Table, 'id' | 'name'>>) {
    for (const [place, { table, key }] of rows.entries()) {
      let keys = this.#byName.get(table)
      if (keys === undefined) {
        keys = { places: new Map(), lengths: new Set(), base64: new Set() }
        this.#byName.set(table, keys)
      }
      const text = asBuffer(key).toString('latin1')
      if (!keys.places.has(text)) keys.places.set(text, place)
      keys.lengths.add(key.length)
      keys.base64.add(asBuffer(key).toString('base64'))
    }
    for (const { id, name } of tables) {
      const keys = this.#byName.get(name)
      if (keys !== undefined) this.#byTable.set(id, keys)
    }
  }

  /** A row of this table version is to be forgotten. */
  isOf(table: number): boolean {
    return this.#byTable.has(table)
  }

  /** The place of the row whose key stands between these bytes; undefined: it is not to be forgotten. */
  place(table: number, bytes: Buffer, from: number, to: number): number | undefined {
    const keys = this.#byTable.get(table)
    if (keys === undefined || to === from || !keys.lengths.has(to - from)) return undefined
    return keys.places.get(bytes.toString('latin1', from, to))
  }

  /** Whether what a load of the table has noted names such a row. */
  isIn(table: string, state: string): boolean {
    const keys = this.#byName.get(table)
    if (keys === undefined) return false
    for (const [word] of state.matchAll(BASE64)) if (keys.base64.has(word)) return true
    return false
  }
}
