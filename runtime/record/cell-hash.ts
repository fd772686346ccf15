import { writeU32LE } from './cells.ts'
import { Words } from './words.ts'

/**
 * 64 bits of a row's cells: tells a row from another state of it without reading either, and an index that names the
 * wrong record from one that does not. Stored; never change it without a new format of the index.
 */
export class CellHasher {
  readonly #words = new Words()

  /** Writes the hash of the bytes between `from` and `to` to `at`, as two words, little end first. */
  write(bytes: Uint8Array, from: number, to: number, into: Uint8Array, at: number): void {
    const words = this.#words.of(bytes)
    let a = 0x9e3779b9 ^ (to - from)
    let b = 0x7f4a7c15 ^ (to - from)
    let i = from
    for (const whole = to - 3; i < whole; i += 4) {
      const word = words.getInt32(i, true)
      a = Math.imul(a ^ word, 0xcc9e2d51)
      a = (a << 13) | (a >>> 19)
      b = Math.imul(b ^ word, 0x1b873593)
      b = (((b << 17) | (b >>> 15)) + a) | 0
    }
    let rest = 0
    for (; i < to; i++) rest = (rest << 8) | bytes[i]!
    writeU32LE(into, at, finish(Math.imul(a ^ rest, 0xcc9e2d51) ^ b))
    writeU32LE(into, at + 4, finish(Math.imul(b ^ rest, 0x1b873593) + a))
  }
}

function finish(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
