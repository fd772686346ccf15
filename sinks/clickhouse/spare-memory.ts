import { giveBack } from '../../runtime/large-memory.ts'

const FIRST_BYTES = 64 * 1024
/** One that is sent and one that is filled meanwhile. */
const SPARES = 2
const LARGEST_SPARE = 16 * 1024 * 1024

/** Buffers of batches that were sent, for those to come: new ones cost the collector more than it takes to fill them. */
export class SpareMemory {
  readonly #spares: Buffer[] = []

  take(): Buffer {
    return this.#spares.pop() ?? Buffer.allocUnsafeSlow(FIRST_BYTES)
  }

  /** Nobody may use it afterwards. */
  give(buffer: Buffer): void {
    if (this.#spares.length < SPARES && buffer.length <= LARGEST_SPARE) this.#spares.push(buffer)
    else giveBack(buffer)
  }
}
