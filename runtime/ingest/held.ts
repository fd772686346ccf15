import { Bell } from '../abort.ts'

/** Bytes of chunks that wait to be merged, of all loads together. */
export class Held {
  readonly #limit: number
  readonly #freed = new Bell()
  #bytes = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Resolves when another chunk may be read: how large it is shows only then. */
  async room(signal: AbortSignal): Promise<void> {
    while (this.#bytes >= this.#limit) await this.#freed.wait(signal)
  }

  take(bytes: number): Disposable {
    this.#bytes += bytes
    return {
      [Symbol.dispose]: () => {
        this.#bytes -= bytes
        this.#freed.ring()
      },
    }
  }
}
