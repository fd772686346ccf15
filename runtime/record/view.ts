import type { Cursor, Kind, LoggedChange, LogSlice, Position, Table, TransactionId } from '../contract.ts'
import { asBuffer, cellEnd, cellText, contentAt, malformed, readU32BE } from './cells.ts'
import { bodyAt, type EntryParts, findParts, newParts } from './entry-parts.ts'
import { rowObject, writeRow } from './json.ts'
import { indexCells, keyTexts } from './key.ts'
import { At, CellTag, Flag } from './layout.ts'
import { entryLength } from './slice.ts'

const NOTHING = new Uint8Array(0)

/** A window on one change in a slice; moved from entry to entry, decoding only what is asked for. */
export class RecordView implements LoggedChange {
  readonly #cursorAt: (offset: number) => Cursor
  #bytes: Buffer = Buffer.alloc(0)
  #base = 0
  #at = 0
  #end = 0
  #flags = 0
  #transactionAt = -1
  #transactionId: TransactionId | undefined
  #position = '' as Position
  #commitTime = 0n
  #transactionRead = false
  #kind: Kind = 'c'
  #table: Table | undefined
  readonly #parts = newParts()
  /** The parts were looked up. */
  #isLaidOut = false
  /** Starts of the first `#known` cells, and where the next one would begin. */
  #starts = new Uint32Array(64)
  #known = 0
  #beforeStarts: Uint32Array | undefined
  appendTime = 0n

  constructor(cursorAt: (offset: number) => Cursor) {
    this.#cursorAt = cursorAt
  }

  slice(slice: LogSlice): void {
    this.#bytes = asBuffer(slice.bytes)
    this.#base = slice.base
    this.transactionHeader(slice.transactionAt)
    this.appendTime = slice.appendTime
  }

  transactionHeader(at: number): void {
    this.#transactionAt = at
    this.#transactionRead = false
  }

  move(kind: Kind, table: Table, at: number, end: number): void {
    if (table !== this.#table && this.#starts.length <= table.columns.length)
      this.#starts = new Uint32Array(2 * table.columns.length + 1)
    this.#kind = kind
    this.#table = table
    this.#at = at
    this.#end = end
    this.#flags = this.#bytes[at + At.flags]!
    this.#isLaidOut = false
    this.#known = 0
    this.#beforeStarts = undefined
  }

  get kind(): Kind {
    return this.#kind
  }

  get table(): Table {
    return this.#table!
  }

  get complete(): boolean {
    return (this.#flags & Flag.complete) !== 0
  }

  get offset(): number {
    return this.#base + this.#bytes.readUInt32LE(this.#at + At.delta)
  }

  get version(): bigint {
    return BigInt(this.offset)
  }

  get cursor(): Cursor {
    return this.#cursorAt(this.offset)
  }

  get index(): number {
    return this.#bytes.readUInt32LE(this.#at + At.index)
  }

  get transaction(): TransactionId | undefined {
    this.#readTransaction()
    return this.#isOutside() ? undefined : this.#transactionId
  }

  get position(): Position {
    this.#readTransaction()
    return this.#isOutside() ? ('' as Position) : this.#position
  }

  get commitTime(): bigint {
    this.#readTransaction()
    return this.#isOutside() ? 0n : this.#commitTime
  }

  get key(): Uint8Array {
    if (this.#bytes.readUInt32LE(this.#at + At.keyLength) === 0) return NOTHING
    const { keyAt, keyEnd } = this.#layOut()
    return this.#bytes.subarray(keyAt, keyEnd)
  }

  get moved(): Uint8Array | undefined {
    if ((this.#flags & Flag.moved) === 0) return undefined
    const { movedAt, movedEnd } = this.#layOut()
    return this.#bytes.subarray(movedAt, movedEnd)
  }

  get hasBefore(): boolean {
    return (this.#flags & Flag.before) !== 0
  }

  tag(column: number): CellTag {
    return this.#hasCells() ? (this.#bytes[this.#start(column)] as CellTag) : CellTag.absent
  }

  cell(column: number): Uint8Array {
    if (!this.#hasCells()) return NOTHING
    const at = this.#start(column)
    const tag = this.#bytes[at]
    if (tag !== CellTag.text && tag !== CellTag.bytes) return NOTHING
    return this.#bytes.subarray(contentAt(this.#bytes, at), this.#starts[column + 1])
  }

  get cells(): Uint8Array {
    if (!this.#hasCells()) return NOTHING
    return this.#bytes.subarray(this.#layOut().cellsAt, this.#end)
  }

  /** All cells of the row before, one behind the other; empty where there are none. */
  get beforeCells(): Uint8Array {
    if (!this.hasBefore) return NOTHING
    const { beforeAt, beforeEnd } = this.#layOut()
    return this.#bytes.subarray(beforeAt, beforeEnd)
  }

  text(column: number): string | null {
    if (!this.#hasCells()) return null
    const at = this.#start(column)
    return cellText(this.#bytes, at, this.#starts[column + 1]!)
  }

  before(column: number): string | null | undefined {
    if (!this.hasBefore) {
      const place = this.#table!.key.indexOf(column)
      if (place === -1 || (this.#kind !== 'd' && this.moved === undefined)) return undefined
      const key = this.#kind === 'd' ? this.key : this.moved!
      return keyTexts(key)[place]
    }
    if (this.#beforeStarts === undefined) {
      const { beforeAt, beforeEnd } = this.#layOut()
      const columns = this.#table!.columns.length
      this.#beforeStarts = new Uint32Array(columns + 1)
      indexCells(this.#bytes, beforeAt, beforeEnd, columns, this.#beforeStarts)
    }
    const at = this.#beforeStarts[column]!
    return this.#bytes[at] === CellTag.absent ? undefined : cellText(this.#bytes, at, this.#beforeStarts[column + 1]!)
  }

  toJson(into: Uint8Array, at: number): number {
    const { cellsAt } = this.#layOut()
    return writeRow(this.table, this.#bytes, this.#hasCells() ? cellsAt : -1, this.#end, into, at)
  }

  toObject(): Record<string, unknown> {
    return rowObject(this)
  }

  /** Deletes, truncates and schemas have none. */
  #hasCells(): boolean {
    return this.#kind !== 'd' && this.#kind !== 't' && this.#kind !== 's'
  }

  #layOut(): EntryParts {
    if (!this.#isLaidOut) findParts(this.#bytes, this.#at, this.#end, this.#parts)
    this.#isLaidOut = true
    return this.#parts
  }

  /** Where the cell begins; looks up no more cells than it must. The start behind it is known as well. */
  #start(column: number): number {
    if (column >= this.#known) this.#know(column)
    return this.#starts[column]!
  }

  #know(column: number): void {
    const starts = this.#starts
    const end = this.#end
    let known = this.#known
    if (known === 0) starts[0] = this.#layOut().cellsAt
    let at = starts[known]!
    for (; known <= column; starts[++known] = at) {
      if (at >= end) throw malformed(`fewer cells than asked for (${known})`, at)
      at = cellEnd(this.#bytes, at, end)
    }
    if (known === this.#table!.columns.length && at !== end)
      throw malformed('more cells than the table has columns', at)
    this.#known = known
  }

  #readTransaction(): void {
    if (this.#transactionRead) return
    const header = this.#transactionAt
    const bytes = this.#bytes
    this.#transactionId = undefined
    this.#position = '' as Position
    this.#commitTime = 0n
    this.#transactionRead = true
    if (header === -1) return
    const end = header + entryLength(bytes, header, bytes.length)
    const at = bodyAt(bytes, header)
    const idAt = at + 12
    const positionAt = idAt + readU32BE(bytes, at + 8) + 4
    const positionEnd = positionAt + readU32BE(bytes, positionAt - 4)
    if (positionEnd > end || idAt > end) throw malformed('a cut transaction header', header)
    this.#commitTime = bytes.readBigInt64LE(at)
    if ((bytes[header + At.flags]! & Flag.load) === 0)
      this.#transactionId = bytes.toString('utf8', idAt, positionAt - 4) as TransactionId
    this.#position = bytes.toString('utf8', positionAt, positionEnd) as Position
  }

  /** What belongs to no transaction. */
  #isOutside(): boolean {
    return (this.#flags & Flag.outside) !== 0
  }
}
