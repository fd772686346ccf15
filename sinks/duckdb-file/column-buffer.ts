import type duckdb from '@duckdb/node-bindings'
import type { Bindings } from './driver.ts'

export const FIRST_ROWS = 1024

/** The values of one column, gathered row by row and copied into DuckDB's vectors, at most a vector's length at a time. */
export abstract class ColumnBuffer {
  rows = 0
  #valid = new Uint8Array(FIRST_ROWS / 8).fill(0xff)
  #hasNulls = false

  /** Bytes of values that are so large that they are handed over one by one. */
  get largeBytes(): number {
    return 0
  }

  /** `isText`: false for bytes of a text that are not valid UTF-8. */
  protected abstract put(bytes: Buffer, from: number, to: number, isText: boolean): boolean
  protected abstract putNothing(): void
  protected abstract copy(bindings: Bindings, vector: duckdb.Vector, from: number, count: number): void

  /** The value that the bytes spell. False if the column's type has none such; the row is then of no use. */
  add(bytes: Buffer, from: number, to: number, isText: boolean): boolean {
    const isHeld = this.put(bytes, from, to, isText)
    this.rows++
    return isHeld
  }

  addNull(): void {
    this.putNothing()
    const row = this.rows++
    this.#valid = grown(this.#valid, (row >> 3) + 1, 0xff)
    this.#valid[row >> 3]! &= ~(1 << (row & 7))
    this.#hasNulls = true
  }

  /** `from` is a multiple of 64. */
  fill(bindings: Bindings, vector: duckdb.Vector, from: number, count: number): void {
    this.copy(bindings, vector, from, count)
    if (!this.#hasNulls) return
    const words = new Uint8Array(Math.ceil(count / 64) * 8).fill(0xff)
    words.set(this.#valid.subarray(from >> 3, (from >> 3) + words.length))
    bindings.vector_ensure_validity_writable(vector)
    bindings.copy_data_to_vector_validity(vector, 0, words.buffer, 0, words.length)
  }
}

/** The bytes, or a copy twice as long or longer with room for `size`. */
export function grown(bytes: Uint8Array<ArrayBuffer>, size: number, filler = 0): Uint8Array<ArrayBuffer> {
  if (size <= bytes.length) return bytes
  const larger = new Uint8Array(Math.max(size, 2 * bytes.length))
  larger.set(bytes)
  if (filler !== 0) larger.fill(filler, bytes.length)
  return larger
}
