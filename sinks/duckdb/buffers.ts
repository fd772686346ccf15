import type duckdb from '@duckdb/node-bindings'
import { parseArray } from '../../runtime/record/array.ts'
import { asBuffer } from '../../runtime/record/cells.ts'
import { type Encode, fixedForm } from './cells.ts'
import type { Bindings } from './driver.ts'
import type { Storage } from './storage.ts'

/** A cell's content: text, or bytes of a text that are not valid UTF-8. */
export type Tag = 'text' | 'bytes'

const FIRST_ROWS = 1024

/** The values of one column, gathered row by row and copied into DuckDB's vectors, at most a vector's length at a time. */
export abstract class ColumnBuffer {
  rows = 0
  #valid = new Uint8Array(FIRST_ROWS / 8).fill(0xff)
  #hasNulls = false

  protected abstract put(cell: Uint8Array, tag: Tag): boolean
  protected abstract putNothing(): void
  protected abstract copy(bindings: Bindings, vector: duckdb.Vector, from: number, count: number): void

  /** False if the column's type has no such value; the row is then of no use. */
  add(cell: Uint8Array, tag: Tag): boolean {
    const isHeld = this.put(cell, tag)
    this.rows++
    return isHeld
  }

  addNull(): void {
    this.putNothing()
    const row = this.rows++
    if (row >> 3 >= this.#valid.length) {
      const grown = new Uint8Array(2 * (row >> 3)).fill(0xff)
      grown.set(this.#valid)
      this.#valid = grown
    }
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

export function bufferOf(storage: Storage): ColumnBuffer {
  switch (storage.kind) {
    case 'varchar':
    case 'json':
      return new TextBuffer()
    case 'blob':
      return new BlobBuffer()
    case 'list':
      return new ListBuffer(bufferOf(storage.element))
    default: {
      const { bytes, encode } = fixedForm(storage)
      return new FixedBuffer(bytes, encode)
    }
  }
}

class FixedBuffer extends ColumnBuffer {
  readonly #size: number
  readonly #encode: Encode
  #view: DataView<ArrayBuffer>

  constructor(size: number, encode: Encode) {
    super()
    this.#size = size
    this.#encode = encode
    this.#view = new DataView(new ArrayBuffer(FIRST_ROWS * size))
  }

  protected put(cell: Uint8Array, tag: Tag): boolean {
    return this.#encode(cell, this.#room(), this.rows * this.#size) && tag === 'text'
  }

  protected putNothing(): void {
    this.#room()
  }

  #room(): DataView {
    if ((this.rows + 1) * this.#size > this.#view.byteLength) {
      const grown = new Uint8Array(2 * this.#view.byteLength)
      grown.set(new Uint8Array(this.#view.buffer))
      this.#view = new DataView(grown.buffer)
    }
    return this.#view
  }

  protected copy(bindings: Bindings, vector: duckdb.Vector, from: number, count: number): void {
    bindings.copy_data_to_vector(vector, 0, this.#view.buffer, from * this.#size, count * this.#size)
  }
}

/** Values of any length. They are not copied: the batch they are views of stays as it is. */
abstract class BytesBuffer extends ColumnBuffer {
  readonly #cells: (Uint8Array | undefined)[] = []

  protected abstract bytesOf(cell: Uint8Array, tag: Tag): Uint8Array

  protected put(cell: Uint8Array, tag: Tag): boolean {
    this.#cells.push(this.bytesOf(cell, tag))
    return true
  }

  protected putNothing(): void {
    this.#cells.push(undefined)
  }

  protected copy(bindings: Bindings, vector: duckdb.Vector, from: number, count: number): void {
    for (let i = 0; i < count; i++) {
      const cell = this.#cells[from + i]
      if (cell !== undefined) bindings.vector_assign_string_element_len(vector, i, cell)
    }
  }
}

class TextBuffer extends BytesBuffer {
  protected bytesOf(cell: Uint8Array, tag: Tag): Uint8Array {
    return tag === 'text' ? cell : Buffer.from(`\\x${asBuffer(cell).toString('hex')}`)
  }
}

class BlobBuffer extends BytesBuffer {
  /** Text is PostgreSQL's hex form, or the bytes themselves. */
  protected bytesOf(cell: Uint8Array, tag: Tag): Uint8Array {
    const isHex = tag === 'text' && cell[0] === 0x5c && cell[1] === 0x78
    return isHex ? Buffer.from(asBuffer(cell).toString('latin1', 2), 'hex') : cell
  }
}

/** Where in the elements each list begins, and how long it is: two 64-bit numbers a row. */
class ListBuffer extends ColumnBuffer {
  readonly #elements: ColumnBuffer
  readonly #starts: number[] = [0]

  constructor(elements: ColumnBuffer) {
    super()
    this.#elements = elements
  }

  /** Lists of one dimension with the default bounds. */
  protected put(cell: Uint8Array, tag: Tag): boolean {
    const values = tag === 'text' ? parseArray(asBuffer(cell).toString()) : undefined
    let isHeld = values !== undefined
    for (const value of values ?? []) {
      if (value === null) this.#elements.addNull()
      else if (typeof value === 'string') isHeld = this.#elements.add(Buffer.from(value), 'text') && isHeld
      else isHeld = false
    }
    this.#starts.push(this.#elements.rows)
    return isHeld
  }

  protected putNothing(): void {
    this.#starts.push(this.#elements.rows)
  }

  protected copy(bindings: Bindings, vector: duckdb.Vector, from: number, count: number): void {
    // Elements are handed over from a multiple of 64 on, as their bits of nulls are.
    const base = Math.floor(this.#starts[from]! / 64) * 64
    const size = this.#starts[from + count]! - base
    const entries = new BigUint64Array(2 * count)
    for (let i = 0; i < count; i++) {
      entries[2 * i] = BigInt(this.#starts[from + i]! - base)
      entries[2 * i + 1] = BigInt(this.#starts[from + i + 1]! - this.#starts[from + i]!)
    }
    bindings.list_vector_reserve(vector, size)
    bindings.list_vector_set_size(vector, size)
    this.#elements.fill(bindings, bindings.list_vector_get_child(vector), base, size)
    bindings.copy_data_to_vector(vector, 0, entries.buffer, 0, entries.byteLength)
  }
}
