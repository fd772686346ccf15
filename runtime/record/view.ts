import type { Cursor, Kind, LoggedChange, LogSlice, Position, Table, TransactionId } from '../contract.ts'
import { contentAt, malformed, readU32BE, readU64BE } from './cells.ts'
import { rowObject, writeRow } from './json.ts'
import { indexCells, keyTexts } from './key.ts'
import { At, CellTag, Flag, HEADER, LONG } from './layout.ts'
import { decodeTable } from './schema.ts'

/** The same memory as a Buffer, without copying. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
}

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
  /** Where the parts of the body begin; -1 while not looked up. */
  #cellsAt = -1
  #movedAt = -1
  #keyAt = -1
  #beforeAt = -1
  #beforeEnd = -1
  #starts = new Float64Array(64)
  #indexed = false
  #beforeStarts: Float64Array | undefined
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

  tableId(at: number): number {
    return this.#bytes.readUInt32LE(at + At.table)
  }

  move(kind: Kind, table: Table, at: number, end: number): void {
    this.#kind = kind
    this.#table = table
    this.#at = at
    this.#end = end
    this.#flags = this.#bytes[at + At.flags]!
    this.#cellsAt = -1
    this.#indexed = false
    this.#beforeStarts = undefined
  }

  get kind(): Kind {
    return this.#kind
  }

  get table(): Table {
    if (this.#kind === 's') return decodeTable(this.#bytes.subarray(this.#bodyAt(), this.#end))
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
    return this.#transactionId
  }

  get position(): Position {
    this.#readTransaction()
    return this.#position
  }

  get commitTime(): bigint {
    this.#readTransaction()
    return this.#commitTime
  }

  get key(): Uint8Array {
    const length = this.#bytes.readUInt32LE(this.#at + At.keyLength)
    if (length === 0) return NOTHING
    this.#layOut()
    return this.#bytes.subarray(this.#keyAt, this.#keyAt + length)
  }

  get moved(): Uint8Array | undefined {
    if ((this.#flags & Flag.moved) === 0) return undefined
    this.#layOut()
    return this.#bytes.subarray(this.#movedAt + 4, this.#movedAt + 4 + readU32BE(this.#bytes, this.#movedAt))
  }

  get hasBefore(): boolean {
    return (this.#flags & Flag.before) !== 0
  }

  tag(column: number): CellTag {
    this.#indexCells()
    if (this.#cellsAt === this.#end) return CellTag.absent
    return this.#bytes[this.#starts[column]!] as CellTag
  }

  cell(column: number): Uint8Array {
    this.#indexCells()
    if (this.#cellsAt === this.#end) return NOTHING
    const at = this.#starts[column]!
    const tag = this.#bytes[at]
    if (tag !== CellTag.text && tag !== CellTag.bytes) return NOTHING
    return this.#bytes.subarray(contentAt(this.#bytes, at), this.#starts[column + 1])
  }

  text(column: number): string | null {
    this.#indexCells()
    if (this.#cellsAt === this.#end) return null
    return this.#textAt(this.#starts[column]!, this.#starts[column + 1]!)
  }

  before(column: number): string | null | undefined {
    if (!this.hasBefore) {
      const place = this.#table!.key.indexOf(column)
      if (place === -1 || (this.#kind !== 'd' && this.moved === undefined)) return undefined
      const key = this.#kind === 'd' ? this.key : this.moved!
      return keyTexts(key)[place]
    }
    this.#layOut()
    if (this.#beforeStarts === undefined) {
      const columns = this.#table!.columns.length
      this.#beforeStarts = new Float64Array(columns + 1)
      indexCells(this.#bytes, this.#beforeAt, this.#beforeEnd, columns, this.#beforeStarts)
    }
    const at = this.#beforeStarts[column]!
    return this.#bytes[at] === CellTag.absent ? undefined : this.#textAt(at, this.#beforeStarts[column + 1]!)
  }

  toJson(into: Uint8Array, at: number): number {
    return writeRow(this, into, at)
  }

  toObject(): Record<string, unknown> {
    return rowObject(this)
  }

  #textAt(at: number, end: number): string | null {
    switch (this.#bytes[at]) {
      case CellTag.text:
        return this.#bytes.toString('utf8', contentAt(this.#bytes, at), end)
      case CellTag.bytes:
        return `\\x${this.#bytes.toString('hex', contentAt(this.#bytes, at), end)}`
      case CellTag.ref:
        throw malformed('a cell kept in another record, which this version cannot follow,', at)
      default:
        return null
    }
  }

  #bodyAt(): number {
    return this.#at + HEADER + (this.#bytes.readUInt32LE(this.#at + At.length) === LONG ? 8 : 0)
  }

  #layOut(): void {
    if (this.#cellsAt !== -1) return
    let at = this.#bodyAt()
    if ((this.#flags & Flag.moved) !== 0) {
      this.#movedAt = at
      at += 4 + readU32BE(this.#bytes, at)
    }
    if ((this.#flags & Flag.key) !== 0) {
      this.#keyAt = at
      at += this.#bytes.readUInt32LE(this.#at + At.keyLength)
    }
    if ((this.#flags & Flag.before) !== 0) {
      this.#beforeAt = at + 8
      this.#beforeEnd = at + 8 + readU64BE(this.#bytes, at)
      at = this.#beforeEnd
    }
    if (at > this.#end) throw malformed('a cut change', this.#at)
    if ((this.#flags & Flag.key) === 0) this.#keyAt = at + this.#bytes.readUInt16LE(this.#at + At.keyAt)
    this.#cellsAt = at
  }

  #indexCells(): void {
    if (this.#indexed) return
    this.#layOut()
    if (this.#cellsAt < this.#end) {
      const columns = this.#table!.columns.length
      if (this.#starts.length <= columns) this.#starts = new Float64Array(2 * columns + 1)
      indexCells(this.#bytes, this.#cellsAt, this.#end, columns, this.#starts)
    }
    this.#indexed = true
  }

  #readTransaction(): void {
    if (this.#transactionRead) return
    const header = this.#transactionAt
    this.#transactionId = undefined
    this.#position = '' as Position
    this.#commitTime = 0n
    this.#transactionRead = true
    if (header === -1) return
    const bytes = this.#bytes
    let at = header + HEADER + (bytes.readUInt32LE(header + At.length) === LONG ? 8 : 0)
    this.#commitTime = bytes.readBigInt64LE(at)
    at += 8
    const idEnd = at + 4 + readU32BE(bytes, at)
    if ((bytes[header + At.flags]! & Flag.load) === 0)
      this.#transactionId = bytes.toString('utf8', at + 4, idEnd) as TransactionId
    this.#position = bytes.toString('utf8', idEnd + 4, idEnd + 4 + readU32BE(bytes, idEnd)) as Position
  }
}
