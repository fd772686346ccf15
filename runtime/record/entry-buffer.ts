import { TailraceError } from '../errors.ts'
import { readU32LE, writeU32LE } from './cells.ts'
import { At, HEADER, LONG } from './layout.ts'

/** What fills once is most often a small table or a unit end. */
const SMALLEST_HANDOVER = 4096
const FIRST_BUFFER = 64 * 1024
/** A buffer that one huge row has grown is not kept. */
const LARGE_BUFFER = 4 * 1024 * 1024

/** A growing run of entries. What was handed over is never written again. */
export class EntryBuffer {
  bytes: Buffer = Buffer.allocUnsafeSlow(SMALLEST_HANDOVER)
  /** Where the next entry goes. */
  at = 0
  /** Entries before `at`, which is the next one's delta. */
  entries = 0
  readonly #longFrom: number

  constructor(longFrom: number) {
    this.#longFrom = longFrom
  }

  /** Writes a header and answers where the body goes. */
  entry(
    kind: number,
    flags: number,
    table: number,
    index: number,
    bodySize: number,
    keyAt: number,
    keyLength: number,
  ): number {
    let size = HEADER + bodySize
    const long = size >= this.#longFrom
    if (long) size += 8
    this.#reserve(size)
    const { bytes, at } = this
    writeU32LE(bytes, at + At.length, long ? LONG : size)
    bytes[at + At.kind] = kind
    bytes[at + At.flags] = flags
    bytes[at + At.keyAt] = keyAt
    bytes[at + At.keyAt + 1] = keyAt >>> 8
    writeU32LE(bytes, at + At.delta, this.entries)
    writeU32LE(bytes, at + At.table, table)
    writeU32LE(bytes, at + At.index, index)
    writeU32LE(bytes, at + At.keyLength, keyLength)
    if (long) bytes.writeBigUInt64LE(BigInt(size), at + HEADER)
    this.at = at + size
    this.entries++
    return at + HEADER + (long ? 8 : 0)
  }

  /**
   * Where the body of the next entry will stand, if there is room for `size` bytes there; -1 if the buffer must grow, as
   * `entry` lets it, or the entry's length may need 64 bits. `isNeeded`: it takes that many, so the buffer grows now.
   */
  room(size: number, isNeeded: boolean): number {
    if (isNeeded && HEADER + size < this.#longFrom) this.#reserve(HEADER + size)
    const body = this.at + HEADER
    return HEADER + size < this.#longFrom && body + size <= this.bytes.length ? body : -1
  }

  /** Copies a whole entry, which takes the next delta. */
  copy(bytes: Buffer, at: number, end: number): void {
    this.#reserve(end - at)
    bytes.copy(this.bytes, this.at, at, end)
    writeU32LE(this.bytes, this.at + At.delta, this.entries)
    this.at += end - at
    this.entries++
  }

  /** Everything up to `at`, for good; the buffer is empty afterwards. */
  handOver(): Buffer {
    const used = this.at
    const capacity = this.bytes.length
    let given: Buffer
    if (used < SMALLEST_HANDOVER || used < capacity / 2) {
      given = Buffer.allocUnsafeSlow(used)
      this.bytes.copy(given, 0, 0, used)
      if (capacity > LARGE_BUFFER && used < capacity / 8) this.bytes = Buffer.allocUnsafeSlow(capacity / 4)
    } else {
      given = this.bytes.subarray(0, used)
      this.bytes = Buffer.allocUnsafeSlow(Math.max(FIRST_BUFFER, Math.min(capacity, 2 * used)))
    }
    this.at = 0
    this.entries = 0
    return given
  }

  /** Puts entries at the front of the empty buffer, counted from delta 0, and tells the table of each. */
  restore(tail: Buffer, entries: number, tell: (table: number) => void): void {
    this.#reserve(tail.length)
    const { bytes } = this
    tail.copy(bytes, 0)
    let at = 0
    for (let delta = 0; delta < entries; delta++) {
      writeU32LE(bytes, at + At.delta, delta)
      tell(readU32LE(bytes, at + At.table))
      const short = readU32LE(bytes, at + At.length)
      at += short === LONG ? Number(bytes.readBigUInt64LE(at + HEADER)) : short
    }
    this.at = tail.length
    this.entries = entries
  }

  #reserve(size: number): void {
    const needed = this.at + size
    if (needed <= this.bytes.length) return
    if (needed >= LONG)
      throw new TailraceError('RECORD_TOO_LARGE', 'stop', 'A batch would be larger than 4 GB.', {
        hint: 'A source must hand over what it has long before. Please report it.',
      })
    // Room for the unit end behind a huge row, or that would double the buffer once more.
    const grown = Buffer.allocUnsafeSlow(Math.max(2 * this.bytes.length, needed + Math.min(needed, FIRST_BUFFER)))
    this.bytes.copy(grown, 0, 0, this.at)
    this.bytes = grown
  }
}

/** Copies a range and answers the position behind it. */
export function copyInto(into: Buffer, at: number, bytes: Uint8Array, from: number, to: number): number {
  into.set(bytes.subarray(from, to), at)
  return at + to - from
}
