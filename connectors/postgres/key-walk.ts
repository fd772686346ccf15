import { compareKey, type KeyOrder, orderByKey } from './key-order.ts'
import type { Query, Walk, WalkDone } from './walk.ts'

/** Rows of one query at most. The planner then takes the index instead of sorting the whole table. */
export const MOST_ROWS = 10_000

export interface KeyWalkOptions {
  /** What follows FROM. */
  readonly relation: string
  /** The list of SELECT. */
  readonly columns: string
  readonly order: KeyOrder
  readonly from: Uint8Array | undefined
  /** Not included. */
  readonly to: Uint8Array | undefined
}

/** Rows in the order of their keys, from one key up to another. */
export class KeyWalk implements Walk {
  readonly #options: KeyWalkOptions
  #kept: Uint8Array | undefined
  #now: Uint8Array | undefined
  #isOver = false

  constructor(options: KeyWalkOptions) {
    this.#options = options
    this.#kept = options.from
    this.#now = options.from
  }

  query(): Query | undefined {
    if (this.#isOver) return undefined
    const { relation, columns, order, to } = this.#options
    const conditions: string[] = []
    if (this.#now !== undefined) conditions.push(compareKey(order, '>=', this.#now))
    if (to !== undefined) conditions.push(compareKey(order, '<', to))
    const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
    // One more than a chunk takes: where the next one begins.
    const sql = `SELECT ${columns} FROM ${relation}${where} ORDER BY ${orderByKey(order)} LIMIT ${MOST_ROWS + 1}`
    return { sql, hasPlace: false }
  }

  passed(next: Uint8Array | undefined): void {
    if (next === undefined) this.#isOver = true
    else this.#now = next
  }

  keep(): void {
    this.#kept = this.#now
  }

  drop(): void {
    this.#now = this.#kept
    this.#isOver = false
  }

  /** Before `keep`. */
  bounds(): { readonly from?: Uint8Array; readonly to?: Uint8Array } {
    const from = this.#kept
    const to = this.#isOver ? this.#options.to : this.#now
    return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }
  }

  done(): WalkDone {
    const key = this.#kept
    return { leaves: [], ...(key === undefined ? {} : { key: Buffer.from(key).toString('base64') }) }
  }
}
