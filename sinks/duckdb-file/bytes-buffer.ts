import type duckdb from '@duckdb/node-bindings'
import { isHexForm, writeHex } from '../common/hex.ts'
import { ColumnBuffer, FIRST_ROWS, grown } from './column-buffer.ts'
import type { Bindings } from './driver.ts'

/** What to store instead of the cell's bytes; undefined: those. */
type Convert = (bytes: Buffer, from: number, to: number, isText: boolean) => Buffer | undefined

export const textBytes: Convert = (bytes, from, to, isText) =>
  isText ? undefined : Buffer.from(`\\x${bytes.toString('hex', from, to)}`)

/** Text is PostgreSQL's hex form, or the bytes themselves. */
export const blobBytes: Convert = (bytes, from, to, isText) => {
  if (!isText || !isHexForm(bytes, from, to)) return undefined
  const found = Buffer.allocUnsafeSlow((to - from - 2) >> 1)
  writeHex(bytes, from + 2, to, found, 0)
  return found
}

/** Bytes of an entry of DuckDB's string vectors (duckdb_string_t): length, then up to 12 bytes, or 4 and an address. */
const ENTRY = 16
const INLINE = 12
const PREFIX = 4
/** Up to here a loop copies faster than a call. */
const SHORT = 48
/** From here on a value is not copied but handed over by itself. */
const LARGE = 64 * 1024

/**
 * Values of any length. Long ones stand one behind the other and are handed to DuckDB in one piece a vector: a call for
 * each would cost more than all else that is done to them.
 */
export class BytesBuffer extends ColumnBuffer {
  readonly #convert: Convert
  #entries: Uint8Array<ArrayBuffer> = new Uint8Array(FIRST_ROWS * ENTRY)
  #view = new DataView(this.#entries.buffer)
  #long: Uint8Array<ArrayBuffer> = new Uint8Array(ENTRY * FIRST_ROWS)
  #end = 0
  /** By row. They are views of the batch, whose bytes never change. */
  readonly #large = new Map<number, Uint8Array>()
  #largeBytes = 0

  constructor(convert: Convert) {
    super()
    this.#convert = convert
  }

  override get largeBytes(): number {
    return this.#largeBytes
  }

  protected put(bytes: Buffer, from: number, to: number, isText: boolean): boolean {
    const converted = this.#convert(bytes, from, to, isText)
    if (converted === undefined) this.#append(bytes, from, to)
    else this.#append(converted, 0, converted.length)
    return true
  }

  #append(bytes: Buffer, from: number, to: number): void {
    this.putNothing()
    const at = this.rows * ENTRY
    const length = to - from
    if (length >= LARGE) {
      this.#large.set(this.rows, bytes.subarray(from, to))
      this.#largeBytes += length
      return
    }
    this.#view.setUint32(at, length, true)
    if (length <= INLINE) {
      for (let i = 0; i < length; i++) this.#entries[at + PREFIX + i] = bytes[from + i]!
      return
    }
    for (let i = 0; i < PREFIX; i++) this.#entries[at + PREFIX + i] = bytes[from + i]!
    this.#view.setUint32(at + 2 * PREFIX, this.#end, true)
    this.#long = grown(this.#long, this.#end + length)
    if (length <= SHORT) for (let i = 0; i < length; i++) this.#long[this.#end + i] = bytes[from + i]!
    else this.#long.set(bytes.subarray(from, to), this.#end)
    this.#end += length
  }

  protected putNothing(): void {
    const entries = grown(this.#entries, (this.rows + 1) * ENTRY)
    if (entries === this.#entries) return
    this.#entries = entries
    this.#view = new DataView(entries.buffer)
  }

  protected copy(bindings: Bindings, vector: duckdb.Vector, from: number, count: number): void {
    const entries = this.#entries.slice(from * ENTRY, (from + count) * ENTRY)
    const view = new DataView(entries.buffer)
    let start = -1
    let end = 0
    for (let at = 0; at < entries.length; at += ENTRY) {
      const length = view.getUint32(at, true)
      if (length <= INLINE) continue
      const place = view.getUint32(at + 2 * PREFIX, true)
      if (start === -1) start = place
      end = place + length
    }
    if (start !== -1) relocate(view, start, address(bindings, vector, this.#long.subarray(start, end)))
    bindings.copy_data_to_vector(vector, 0, entries.buffer, 0, entries.length)
    for (const [row, bytes] of this.#large)
      if (row >= from && row < from + count) bindings.vector_assign_string_element_len(vector, row - from, bytes)
  }
}

/** Has the vector copy the bytes into its own memory, where they stay as long as its entries do. Answers where. */
function address(bindings: Bindings, vector: duckdb.Vector, bytes: Uint8Array): DataView {
  bindings.vector_assign_string_element_len(vector, 0, bytes)
  const entry = bindings.vector_get_data(vector, ENTRY)
  return new DataView(entry.buffer, entry.byteOffset + 2 * PREFIX, 2 * PREFIX)
}

/** Turns the places of long values, counted from `start`, into addresses. */
function relocate(entries: DataView, start: number, base: DataView): void {
  const [low, high] = [base.getUint32(0, true), base.getUint32(PREFIX, true)]
  for (let at = 0; at < entries.byteLength; at += ENTRY) {
    if (entries.getUint32(at, true) <= INLINE) continue
    const place = low + entries.getUint32(at + 2 * PREFIX, true) - start
    entries.setUint32(at + 2 * PREFIX, place % 2 ** 32, true)
    entries.setUint32(at + 3 * PREFIX, high + Math.floor(place / 2 ** 32), true)
  }
}
