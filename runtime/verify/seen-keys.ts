import { CellHasher } from '../record/cell-hash.ts'

const FIRST_SLOTS = 1 << 12
/** 64 MB: six million keys. */
const MOST_SLOTS = 1 << 23
/** Of the slots, before there are more. */
const FULLEST = 0.75

/**
 * Keys that a walk has met, as 64 bits each: that one looks like another happens once in 10^19 pairs. What comes when
 * it is full counts as not met.
 */
export class SeenKeys {
  readonly #mostSlots: number
  readonly #hasher = new CellHasher()
  readonly #hash = new Uint32Array(2)
  readonly #hashBytes = new Uint8Array(this.#hash.buffer)
  /** Two words a slot; both 0 is none. */
  #slots = new Uint32Array(2 * FIRST_SLOTS)
  #count = 0

  constructor(mostSlots = MOST_SLOTS) {
    this.#mostSlots = mostSlots
  }

  add(key: Uint8Array): void {
    const slots = this.#slots.length / 2
    if (this.#count >= FULLEST * slots) {
      if (slots >= this.#mostSlots) return
      this.#grow(slots * 2)
    }
    this.#hashOf(key)
    this.#set()
  }

  has(key: Uint8Array): boolean {
    this.#hashOf(key)
    return this.#slots[this.#find()] !== 0
  }

  #hashOf(key: Uint8Array): void {
    this.#hasher.write(key, 0, key.length, this.#hashBytes, 0)
    this.#hash[0] ||= 1
  }

  #set(): void {
    const at = this.#find()
    if (this.#slots[at] !== 0) return
    this.#slots[at] = this.#hash[0]!
    this.#slots[at + 1] = this.#hash[1]!
    this.#count++
  }

  /** Where the hash stands, or the empty slot where it would. */
  #find(): number {
    const slots = this.#slots
    const mask = slots.length - 1
    const [low, high] = this.#hash as unknown as [number, number]
    for (let at = (low << 1) & mask; ; at = (at + 2) & mask)
      if (slots[at] === 0 || (slots[at] === low && slots[at + 1] === high)) return at
  }

  #grow(slots: number): void {
    const former = this.#slots
    this.#slots = new Uint32Array(2 * slots)
    this.#count = 0
    for (let at = 0; at < former.length; at += 2) {
      if (former[at] === 0) continue
      this.#hash[0] = former[at]!
      this.#hash[1] = former[at + 1]!
      this.#set()
    }
  }
}
