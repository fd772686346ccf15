import { isUtf8 } from 'node:buffer'
import { readU32LE } from '../../../runtime/record/cells.ts'
import { cut, unreadable } from './binlog-error.ts'

const U32 = 0x1_0000_0000

/**
 * Walks the bytes of one event, for those that are rare enough to be read by name. Numbers are little-endian. Every
 * method throws BINLOG_UNREADABLE instead of reading beyond `end`.
 */
export class EventReader {
  readonly bytes: Buffer
  at: number
  readonly end: number
  readonly #what: string

  /** `what`: what is read, for errors: "a QUERY event". */
  constructor(bytes: Buffer, at: number, end: number, what: string) {
    this.bytes = bytes
    this.at = at
    this.end = end
    this.#what = what
  }

  get left(): number {
    return this.end - this.at
  }

  /** Moves over `size` bytes, and answers where they begin. */
  skip(size: number): number {
    const from = this.at
    if (!(size >= 0 && size <= this.end - from)) throw cut(this.#what)
    this.at = from + size
    return from
  }

  u8(): number {
    return this.bytes[this.skip(1)]!
  }

  u16(): number {
    const from = this.skip(2)
    return this.bytes[from]! | (this.bytes[from + 1]! << 8)
  }

  u24(): number {
    return this.bytes.readUIntLE(this.skip(3), 3)
  }

  u32(): number {
    return this.bytes.readUInt32LE(this.skip(4))
  }

  u48(): number {
    const from = this.skip(6)
    const { bytes } = this
    return readU32LE(bytes, from) + (bytes[from + 4]! | (bytes[from + 5]! << 8)) * U32
  }

  u56(): bigint {
    const from = this.skip(7)
    return BigInt(this.bytes.readUInt32LE(from)) + BigInt(this.bytes.readUIntLE(from + 4, 3)) * BigInt(U32)
  }

  u64(): bigint {
    return this.bytes.readBigUInt64LE(this.skip(8))
  }

  i64(): bigint {
    return this.bytes.readBigInt64LE(this.skip(8))
  }

  /** Packed integer of 1, 3, 4 or 9 bytes (net_field_length_ll of the server), all 64 bits of it. */
  packed64(): bigint {
    const first = this.u8()
    if (first < 251) return BigInt(first)
    if (first === 252) return BigInt(this.u16())
    if (first === 253) return BigInt(this.u24())
    if (first === 254) return this.u64()
    throw unreadable(`${this.#what} has a length that is none`)
  }

  /** Packed integer that counts or measures something; beyond 2^53 nothing is that large. */
  packed(): number {
    const first = this.bytes[this.at]!
    if (first < 251 && this.at < this.end) {
      this.at++
      return first
    }
    const value = this.packed64()
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw cut(this.#what)
    return Number(value)
  }

  /** The next `size` bytes, not copied: valid as long as the event is. */
  view(size: number): Buffer {
    const from = this.skip(size)
    return this.bytes.subarray(from, from + size)
  }

  /** The next `size` bytes, copied. */
  copy(size: number): Buffer {
    return Buffer.from(this.view(size))
  }

  /** The next `size` bytes are an identifier or a file name. */
  text(size: number): string {
    const bytes = this.view(size)
    if (!isUtf8(bytes)) throw unreadable(`${this.#what} has a name that is not UTF-8`)
    return bytes.toString('utf8')
  }

  /** All must have been read. */
  done(): void {
    if (this.at !== this.end) throw unreadable(`${this.#what} has ${this.left} bytes too many`)
  }
}
