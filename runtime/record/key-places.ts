import type { Table } from '../contract.ts'
import { keyHash } from './key.ts'

const NONE = -1

/** The newest place of each key in a batch: a hash table, because a Map would need a text per key. */
export class KeyPlaces {
  readonly #mask: number
  readonly #slots: Int32Array
  /** By place. */
  readonly #keys: Uint8Array[] = []
  readonly #tables: Int32Array
  /** By name: a key stays the same when its table's version changes. */
  readonly #numbers = new Map<string, number>()
  #table: Table | undefined
  #number = 0

  /** `count`: places there are. */
  constructor(count: number) {
    const size = 2 ** Math.ceil(Math.log2(2 * count + 1))
    this.#mask = size - 1
    this.#slots = new Int32Array(size).fill(NONE)
    this.#tables = new Int32Array(count)
  }

  /** Puts the key at this place, and answers where it was before; -1: nowhere. The key's bytes must stay. */
  move(of: Table, key: Uint8Array, place: number): number {
    if (of !== this.#table) this.#turnTo(of)
    const table = this.#number
    this.#keys[place] = key
    this.#tables[place] = table
    let slot = (keyHash(key) ^ Math.imul(table, 0x9e3779b1)) & this.#mask
    for (;;) {
      const former = this.#slots[slot]!
      if (former === NONE || (this.#tables[former] === table && isSame(this.#keys[former]!, key))) {
        this.#slots[slot] = place
        return former
      }
      slot = (slot + 1) & this.#mask
    }
  }

  #turnTo(table: Table): void {
    this.#table = table
    this.#number = this.#numbers.get(table.name) ?? this.#numbers.size
    this.#numbers.set(table.name, this.#number)
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  const { length } = a
  if (length !== b.length) return false
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return false
  return true
}
