import { joinKeys, type KeyOrder, keyList } from './key-order.ts'
import type { Query, Walk, WalkDone } from './walk.ts'

/** Keys of one statement: its text stays small beside the rows. */
const MOST_KEYS = 2000

export interface ListWalkOptions {
  /** What follows FROM. */
  readonly relation: string
  /** Quoted names of the columns. */
  readonly columns: readonly string[]
  readonly order: KeyOrder
  readonly keys: readonly Uint8Array[]
}

/** The rows of given keys, in the order in which they were given. */
export class ListWalk implements Walk {
  readonly #options: ListWalkOptions
  #kept = 0
  #now = 0

  constructor(options: ListWalkOptions) {
    this.#options = options
  }

  query(): Query | undefined {
    const { relation, columns, order, keys } = this.#options
    if (this.#now >= keys.length) return undefined
    const list = keyList(order, keys.slice(this.#now, this.#now + MOST_KEYS), 'k')
    const names = columns.map(name => `t.${name}`).join(', ')
    const sql = `SELECT k.n, ${names} FROM ${list} JOIN ${relation} AS t ON ${joinKeys(order, 't', 'k')} ORDER BY k.n`
    return { sql, hasPlace: true }
  }

  passed(next: Uint8Array | undefined): void {
    this.#now += next === undefined ? MOST_KEYS : Number(Buffer.from(next).toString('latin1'))
  }

  keep(): void {
    this.#kept = this.#now
  }

  drop(): void {
    this.#now = this.#kept
  }

  bounds(): Record<string, never> {
    return {}
  }

  done(): WalkDone {
    return { leaves: [] }
  }
}
