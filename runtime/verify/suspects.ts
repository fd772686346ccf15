import { asBuffer } from '../record/cells.ts'

const MOST_BYTES = 4 * 1024 * 1024
/** What a key takes beside its bytes. */
const KEY_BYTES = 64

/** Keys that looked different at a glance, each once, until somebody looks closely. */
export class Suspects {
  readonly #mostBytes: number
  readonly #keys = new Map<string, Uint8Array>()
  #bytes = 0

  constructor(mostBytes = MOST_BYTES) {
    this.#mostBytes = mostBytes
  }

  /** Copies the key. */
  add(key: Uint8Array): void {
    const name = keyName(key)
    if (this.#keys.has(name)) return
    this.#keys.set(name, Uint8Array.from(key))
    this.#bytes += 2 * key.length + KEY_BYTES
  }

  /** It is time to look closely. */
  get isFull(): boolean {
    return this.#bytes >= this.#mostBytes
  }

  take(): Uint8Array[] {
    const keys = [...this.#keys.values()]
    this.#keys.clear()
    this.#bytes = 0
    return keys
  }
}

/** Equal for equal keys. */
export function keyName(key: Uint8Array): string {
  return asBuffer(key).toString('latin1')
}
