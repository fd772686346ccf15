import type { Batch, Table, UnitEnd } from '../contract.ts'
import { sourceBatch } from '../record/batch.ts'
import { readU32LE, writeU32BE, writeU32LE, writeU64BE } from '../record/cells.ts'
import { copyInto, EntryBuffer } from '../record/entry-buffer.ts'
import { findParts, newParts } from '../record/entry-parts.ts'
import { At, CHANGE_KINDS, EntryKind, Flag, LONG } from '../record/layout.ts'
import type { CellRun } from './former-row.ts'

/** Keys that begin further behind are written on their own. */
const LAST_KEY_AT = 0xffff

/** Writes the entries of a batch once more, some of them changed, into one or more batches of the same unit. */
export class PartWriter {
  readonly #registry: Batch['registry']
  readonly #buffer = new EntryBuffer(LONG)
  readonly #parts = newParts()
  #count = 0
  #incomplete = 0
  #tables = new Set<number>()
  #endAt = -1
  /** Header of the transaction whose changes come. */
  #header: Buffer | undefined
  /** A part ended inside that transaction: the header comes again. */
  #isCut = false

  constructor(registry: Batch['registry']) {
    this.#registry = registry
  }

  get size(): number {
    return this.#buffer.at
  }

  /** The entry as it is. */
  copy(bytes: Buffer, at: number, end: number): void {
    const kind = bytes[at + At.kind]!
    const isEnd = kind === EntryKind.unitEnd || kind === EntryKind.heartbeat
    if (kind === EntryKind.transaction) {
      this.#header = Buffer.from(bytes.subarray(at, end))
      this.#isCut = false
    } else if (isEnd) this.#endAt = this.#buffer.at
    else this.#note(bytes, at)
    this.#buffer.copy(bytes, at, end)
    if (CHANGE_KINDS.has(kind) && kind !== EntryKind.message && (bytes[at + At.flags]! & Flag.complete) === 0)
      this.#incomplete++
  }

  /** The entry with other cells, or another row before it, or both. Answers where its cells begin. */
  rewrite(
    bytes: Buffer,
    at: number,
    end: number,
    table: Table,
    cells: CellRun | undefined,
    before: CellRun | undefined,
  ): { readonly at: number; readonly end: number } {
    this.#note(bytes, at)
    const parts = this.#parts
    findParts(bytes, at, end, parts)
    let flags = bytes[at + At.flags]!
    if (cells?.isComplete === true) flags |= Flag.complete
    if (before !== undefined) flags |= Flag.before
    if ((flags & Flag.complete) === 0) this.#incomplete++
    const keyLength = parts.keyEnd - parts.keyAt
    let keyAt = parts.keyAt - parts.cellsAt
    if (cells !== undefined) keyAt = cells.starts[table.key[0]!]!
    if (keyAt > LAST_KEY_AT) flags |= Flag.key
    const ownKey = (flags & Flag.key) !== 0
    if (ownKey) keyAt = 0
    const moved = parts.movedAt === -1 ? 0 : parts.movedEnd - parts.movedAt
    const oldBefore = parts.beforeAt === -1 ? 0 : parts.beforeEnd - parts.beforeAt
    const cellsLength = cells === undefined ? end - parts.cellsAt : cells.end
    let size = cellsLength
    if (parts.movedAt !== -1) size += 4 + moved
    if (ownKey) size += keyLength
    if ((flags & Flag.before) !== 0) size += 8 + (before === undefined ? oldBefore : before.end)
    const index = readU32LE(bytes, at + At.index)
    let to = this.#buffer.entry(bytes[at + At.kind]!, flags, table.id, index, size, keyAt, keyLength)
    const into = this.#buffer.bytes
    if (parts.movedAt !== -1) {
      writeU32BE(into, to, moved)
      to = copyInto(into, to + 4, bytes, parts.movedAt, parts.movedEnd)
    }
    if (ownKey) to = copyInto(into, to, bytes, parts.keyAt, parts.keyEnd)
    if (before !== undefined) {
      writeU64BE(into, to, before.end)
      to = before.writeTo(into, to + 8)
    } else if (parts.beforeAt !== -1) {
      writeU64BE(into, to, oldBefore)
      to = copyInto(into, to + 8, bytes, parts.beforeAt, parts.beforeEnd)
    }
    if (cells === undefined) copyInto(into, to, bytes, parts.cellsAt, end)
    else cells.writeTo(into, to)
    return { at: to, end: to + cellsLength }
  }

  /** Bytes of the part being written, as they are now. */
  get bytes(): Buffer {
    return this.#buffer.bytes
  }

  /** Hands over what is written: with `end` the last of the unit's batches. */
  take(end: UnitEnd | undefined): Batch {
    const { entries } = this.#buffer
    const [count, incomplete, tables, endAt] = [this.#count, this.#incomplete, this.#tables, this.#endAt]
    this.#count = 0
    this.#incomplete = 0
    this.#tables = new Set()
    this.#endAt = -1
    this.#isCut = this.#header !== undefined
    const bytes = this.#buffer.handOver()
    return sourceBatch(bytes, entries, count, incomplete, tables, this.#registry, end, endAt)
  }

  /** Counts a change, and writes its transaction's header before it where a part begins. */
  #note(bytes: Buffer, at: number): void {
    this.#count++
    this.#tables.add(readU32LE(bytes, at + At.table))
    const header = this.#header
    if (header === undefined || !this.#isCut || (bytes[at + At.flags]! & Flag.outside) !== 0) return
    this.#isCut = false
    header[At.flags] = header[At.flags]! | Flag.continued
    writeU32LE(header, At.index, readU32LE(bytes, at + At.index))
    this.#buffer.copy(header, 0, header.length)
  }
}
