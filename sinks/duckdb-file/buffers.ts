import type duckdb from '@duckdb/node-bindings'
import { parseArray } from '../../runtime/record/array.ts'
import type { Encode } from '../common/value-bytes.ts'
import { BytesBuffer, blobBytes, textBytes } from './bytes-buffer.ts'
import { fixedForm } from './cells.ts'
import { ColumnBuffer, FIRST_ROWS, grown } from './column-buffer.ts'
import type { Bindings } from './driver.ts'
import type { Storage } from './storage.ts'

export function bufferOf(storage: Storage): ColumnBuffer {
  switch (storage.kind) {
    case 'varchar':
    case 'json':
      return new BytesBuffer(textBytes)
    case 'blob':
      return new BytesBuffer(blobBytes)
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
  #bytes: Uint8Array<ArrayBuffer>
  #view: DataView<ArrayBuffer>

  constructor(size: number, encode: Encode) {
    super()
    this.#size = size
    this.#encode = encode
    this.#bytes = new Uint8Array(FIRST_ROWS * size)
    this.#view = new DataView(this.#bytes.buffer)
  }

  protected put(bytes: Buffer, from: number, to: number, isText: boolean): boolean {
    this.putNothing()
    return this.#encode(bytes, from, to, this.#view, this.rows * this.#size) && isText
  }

  protected putNothing(): void {
    const bytes = grown(this.#bytes, (this.rows + 1) * this.#size)
    if (bytes === this.#bytes) return
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer)
  }

  protected copy(bindings: Bindings, vector: duckdb.Vector, from: number, count: number): void {
    bindings.copy_data_to_vector(vector, 0, this.#bytes.buffer, from * this.#size, count * this.#size)
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
  protected put(bytes: Buffer, from: number, to: number, isText: boolean): boolean {
    const values = isText ? parseArray(bytes.toString('utf8', from, to)) : undefined
    let isHeld = values !== undefined
    for (const value of values ?? []) {
      if (value === null) this.#elements.addNull()
      else if (typeof value === 'string') isHeld = this.#addElement(Buffer.from(value)) && isHeld
      else isHeld = false
    }
    this.#starts.push(this.#elements.rows)
    return isHeld
  }

  #addElement(text: Buffer): boolean {
    return this.#elements.add(text, 0, text.length, true)
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
