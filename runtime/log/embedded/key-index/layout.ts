import { asBuffer } from '../../../record/cells.ts'

/**
 * What stands in the index. Keys sort by their bytes, so all of one kind, and all rows of one incarnation, lie together
 * and can be scanned in order. Numbers in keys are big-endian, in values little-endian; offsets and places take 48 bits.
 *
 *   key                                              value
 *   00                                               State as JSON
 *   01                                               Life as JSON (opening.ts)
 *   02, ff                                           nothing (store.ts)
 *   10, u32 incarnation, canonical key               flags, u48 offset, 64-bit hash of the cells, transaction number
 *   20, u48 offset / BLOCK                           places of entries among these offsets, the first always: u8 offset
 *                                                    in the block; u48 segment, chunk, entry, header of its
 *                                                    transaction (0: none)
 *   30, u32 incarnation                              its name, number within the name and truncate floor, as JSON
 *   40, u32 incarnation, canonical key               u48 offset of the newest record of the key, which is incomplete
 *   50, u32 incarnation                              the pass that goes over it and the number of that, as JSON
 *   60, u32 pass, canonical key                      nothing: the pass has seen the key
 */
export const INDEX_FORMAT = 2
export const STATE_KEY = Buffer.from([0x00])
export const LIFE_KEY = Buffer.from([0x01])
export const Prefix = { row: 0x10, block: 0x20, incarnation: 0x30, incomplete: 0x40, pass: 0x50, seen: 0x60 } as const

/** Offsets whose places stand together, and bytes of log after which there is another place. */
export const BLOCK = 128
export const PLACE_BYTES = 4 * 1024
export const PLACE_SIZE = 25

export const RowFlag = { delete: 1, incomplete: 2, chunk: 4 } as const

/** In the value of a row. */
const OFFSET_AT = 1
export const HASH_AT = 7
export const TRANSACTION_AT = 15

/** In keys of rows, incomplete keys and keys seen: where the canonical key begins. */
export const KEY_AT = 5

/** How far the index has come. Stored in one write with what it says. */
export interface State {
  readonly format: number
  readonly logId: string
  /** That wrote the last entry applied. */
  readonly session: string
  /** Its offset. */
  readonly applied: number
  /** Behind the last chunk applied. */
  readonly place: { readonly segment: number; readonly at: number; readonly crc: number }
}

/** What the index says of a key. */
export interface Row {
  readonly offset: number
  readonly flags: number
  /** 8 bytes. */
  readonly hash: Buffer
}

/** What the keys of an incarnation or a pass begin with; without a number, all of one kind. */
export function prefixOf(prefix: number, number?: number): Buffer {
  if (number === undefined) return Buffer.from([prefix])
  const key = Buffer.allocUnsafe(KEY_AT)
  key[0] = prefix
  key.writeUInt32BE(number, 1)
  return key
}

/** Where all begin that come behind this canonical key; without one, where all begin. */
export function behind(prefix: number, number: number, key: Uint8Array | undefined): Buffer {
  const start = prefixOf(prefix, number)
  return key === undefined ? start : Buffer.concat([start, key, Buffer.from([0])])
}

/** Memory for keys and values, written again for each: the store copies what it is given. */
export class Scratch {
  #bytes: Buffer = Buffer.allocUnsafeSlow(1024)
  /** What was handed out last. Most have the same length, and making a view takes longer than filling it. */
  #view: Buffer = this.#bytes

  /** `number`: of the incarnation, or of the pass. */
  rowKey(prefix: number, number: number, key: Uint8Array, from = 0, to = key.length): Buffer {
    const length = KEY_AT + to - from
    if (this.#bytes.length < length) this.#bytes = Buffer.allocUnsafeSlow(2 * length)
    const bytes = this.#bytes
    bytes[0] = prefix
    bytes.writeUInt32BE(number, 1)
    for (let i = from, at = KEY_AT; i < to; i++) bytes[at++] = key[i]!
    return this.#first(length)
  }

  /** The 8 bytes of the hash are to be written to HASH_AT. */
  rowValue(flags: number, offset: number, transaction: Uint8Array): Buffer {
    const length = TRANSACTION_AT + transaction.length
    if (this.#bytes.length < length) this.#bytes = Buffer.allocUnsafeSlow(2 * length)
    const bytes = this.#bytes
    bytes[0] = flags
    writeU48(bytes, OFFSET_AT, offset)
    bytes.set(transaction, TRANSACTION_AT)
    return this.#first(length)
  }

  #first(length: number): Buffer {
    if (this.#view.length !== length || this.#view.buffer !== this.#bytes.buffer)
      this.#view = this.#bytes.subarray(0, length)
    return this.#view
  }
}

export function decodeRow(value: Uint8Array): Row {
  const bytes = asBuffer(value)
  return { flags: bytes[0]!, offset: rowOffset(bytes), hash: bytes.subarray(HASH_AT, TRANSACTION_AT) }
}

/** It is a delete that compaction has removed from the log: as good as if it had never been. */
export function isGone(flags: number, offset: number, expiredTo: number): boolean {
  return offset <= expiredTo && (flags & RowFlag.delete) !== 0
}

/** Of a row's value. */
export function rowOffset(value: Buffer): number {
  return readU48(value, OFFSET_AT)
}

/** Where an entry stands: all but the segment are bytes of its file. */
export interface EntryPlace {
  readonly segment: number
  readonly chunkAt: number
  readonly entryAt: number
  readonly headerAt: number
}

export function blockKey(offset: number): Buffer {
  const key = Buffer.allocUnsafe(7)
  key[0] = Prefix.block
  key.writeUIntBE(Math.floor(offset / BLOCK), 1, 6)
  return key
}

/** Writes PLACE_SIZE bytes. */
export function writePlace(into: Buffer, at: number, offset: number, place: EntryPlace): void {
  into[at] = offset % BLOCK
  writeU48(into, at + 1, place.segment)
  writeU48(into, at + 7, place.chunkAt)
  writeU48(into, at + 13, place.entryAt)
  writeU48(into, at + 19, place.headerAt)
}

/** The last place of a block at or before the offset. */
export function placeBefore(block: Uint8Array, offset: number): EntryPlace {
  const bytes = asBuffer(block)
  let at = bytes.length - PLACE_SIZE
  while (at > 0 && bytes[at]! > offset % BLOCK) at -= PLACE_SIZE
  const [segment, chunkAt, entryAt, headerAt] = [1, 7, 13, 19].map(part => readU48(bytes, at + part)) as Four
  return { segment, chunkAt, entryAt, headerAt }
}

type Four = [number, number, number, number]

export function encodeOffset(offset: number): Buffer {
  const value = Buffer.allocUnsafe(6)
  writeU48(value, 0, offset)
  return value
}

export function decodeOffset(value: Uint8Array): number {
  return readU48(asBuffer(value), 0)
}

function writeU48(into: Buffer, at: number, value: number): void {
  into.writeUIntLE(value, at, 6)
}

function readU48(bytes: Buffer, at: number): number {
  return bytes.readUIntLE(at, 6)
}
