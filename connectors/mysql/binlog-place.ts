import type { BinlogPlace } from './position.ts'

const U32 = 2 ** 32
const HALF = 2 ** 31

/** Where in the binary log the reader stands: events say only the low 32 bits of where they end. */
export class ReadingPlace implements BinlogPlace {
  file: string
  begun: number | undefined
  #offset: number

  constructor({ file, offset, begun }: BinlogPlace) {
    this.file = file
    this.begun = begun
    this.#offset = Number(offset)
  }

  get offset(): bigint {
    return BigInt(this.#offset)
  }

  /** Of the file at hand, in bytes. */
  get at(): number {
    return this.#offset
  }

  moveTo(file: string, offset: number): void {
    if (file !== this.file) this.begun = undefined
    this.file = file
    this.#offset = offset
  }

  /** Behind an event of the file at hand. `low`: as its header says. Places of before stay where they are. */
  passed(low: number): void {
    const high = Math.floor(this.#offset / U32) * U32
    let next = high + low
    // The server has counted beyond 32 bits.
    if (next < this.#offset - HALF) next += U32
    if (next > this.#offset) this.#offset = next
  }

  copy(): BinlogPlace {
    return { file: this.file, offset: this.offset, begun: this.begun }
  }
}
