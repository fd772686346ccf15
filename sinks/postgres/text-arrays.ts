import { giveBack } from '../../runtime/large-memory.ts'

/**
 * One column of many rows as a `text[]` in PostgreSQL's binary form
 * (https://github.com/postgres/postgres/blob/REL_17_STABLE/src/backend/utils/adt/arrayfuncs.c, array_recv), behind its
 * length, as it stands in a Bind message: bytes of the log are copied, nothing is escaped.
 */
const LENGTH = 4
const HEADER = LENGTH + 20
const TEXT_OID = 25
/** Shorter values are copied byte by byte, which takes less than the call. */
const SHORT = 24

export class TextArray {
  #bytes: Buffer
  #at = HEADER
  #count = 0
  #hasNull = 0

  /** `size`: about what it will take. */
  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafe(HEADER + size)
  }

  addNull(): void {
    this.#reserve(LENGTH)
    this.#at = this.#bytes.writeInt32BE(-1, this.#at)
    this.#hasNull = 1
    this.#count++
  }

  add(from: Buffer, start: number, end: number): void {
    const length = end - start
    this.#reserve(LENGTH + length)
    const bytes = this.#bytes
    let at = this.#at
    bytes[at] = length >>> 24
    bytes[at + 1] = length >>> 16
    bytes[at + 2] = length >>> 8
    bytes[at + 3] = length
    at += LENGTH
    if (length <= SHORT) for (let i = start; i < end; i++) bytes[at++] = from[i]!
    else {
      from.copy(bytes, at, start, end)
      at += length
    }
    this.#at = at
    this.#count++
  }

  addText(text: string): void {
    const bytes = Buffer.from(text)
    this.add(bytes, 0, bytes.length)
  }

  /** The parameter, with its length in front. */
  done(): Buffer {
    const bytes = this.#bytes
    bytes.writeInt32BE(this.#at - LENGTH, 0)
    const header = [1, this.#hasNull, TEXT_OID, this.#count, 1]
    header.forEach((value, i) => {
      bytes.writeInt32BE(value, LENGTH + 4 * i)
    })
    return bytes.subarray(0, this.#at)
  }

  #reserve(size: number): void {
    if (this.#at + size <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#at + size))
    this.#bytes.copy(larger, 0, 0, this.#at)
    giveBack(this.#bytes)
    this.#bytes = larger
  }
}
