import type { LoggedChange, SinkContext } from '../../runtime/contract.ts'
import { giveBack } from '../../runtime/large-memory.ts'
import { EnvelopeWriter } from '../../runtime/record/envelope.ts'

const FIRST_BYTES = 64 * 1024
const END = Buffer.from(']}')

/**
 * `{"pipeline":...,"sink":...,"source":...,"log":...,"changes":[...]}`, each change as `tailrace changes` prints it. The
 * same changes make the same bytes.
 */
export class BatchBody implements Disposable {
  readonly #envelopes: EnvelopeWriter
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
  #length = 0
  count = 0

  constructor({ pipeline, name: sink }: SinkContext, { name: source, logId: log }: { name: string; logId: string }) {
    this.#envelopes = new EnvelopeWriter({ type: 'tailrace', source, database: null })
    this.#put(Buffer.from(`${JSON.stringify({ pipeline, sink, source, log }).slice(0, -1)},"changes":[`))
  }

  /** Not for schema changes. */
  add(change: LoggedChange): void {
    if (this.count > 0) this.#put(Buffer.from(','))
    this.#put(this.#envelopes.write(change, change.cursor))
    this.count++
  }

  /** The whole; nothing can be added behind it. */
  end(): Buffer {
    this.#put(END)
    return this.#bytes.subarray(0, this.#length)
  }

  [Symbol.dispose](): void {
    giveBack(this.#bytes)
  }

  #put(part: Uint8Array): void {
    if (this.#length + part.length > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, this.#length + part.length))
      this.#bytes.copy(grown, 0, 0, this.#length)
      giveBack(this.#bytes)
      this.#bytes = grown
    }
    this.#bytes.set(part, this.#length)
    this.#length += part.length
  }
}
