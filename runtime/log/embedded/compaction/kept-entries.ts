import { At, EntryKind } from '../../../record/layout.ts'

/** Memory that most chunks fit. */
const FIRST_BYTES = 512 * 1024

/** Entries that are kept of a chunk, one behind the other in memory that is used again for the next. */
export class KeptEntries {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #length = 0
  #headers: number[] = []
  #changes = 0

  /** Their bytes. */
  get length(): number {
    return this.#length
  }

  /** Where transaction headers stand among them. */
  get headers(): readonly number[] {
    return this.#headers
  }

  get changes(): number {
    return this.#changes
  }

  /** `delta`: that it is to have. */
  add(payload: Buffer, at: number, end: number, delta: number, kind: number): void {
    const needed = this.#length + end - at
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length))
      this.#bytes.copy(grown, 0, 0, this.#length)
      this.#bytes = grown
    }
    payload.copy(this.#bytes, this.#length, at, end)
    this.#bytes.writeUInt32LE(delta, this.#length + At.delta)
    if (kind === EntryKind.transaction) this.#headers.push(this.#length)
    else if (kind !== EntryKind.unitEnd && kind !== EntryKind.heartbeat) this.#changes++
    this.#length = needed
  }

  /** A view: valid until the next `add`. */
  bytes(): Buffer {
    return this.#bytes.subarray(0, this.#length)
  }

  clear(): void {
    this.#length = 0
    this.#changes = 0
    this.#headers = []
    if (this.#bytes.length > 4 * FIRST_BYTES) this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES)
  }
}
