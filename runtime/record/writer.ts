import type { Batch, Position, Table, UnitEnd } from '../contract.ts'
import { TailraceError } from '../errors.ts'
import { sourceBatch } from './batch.ts'
import { writeU32BE, writeU64BE } from './cells.ts'
import { indexCells, keyOf, keyRun, requireValue } from './key.ts'
import { At, CellTag, EntryKind, Flag, HEADER, LONG } from './layout.ts'
import { encodeTable, encodeUnitEnd } from './schema.ts'

type RowKind = 'c' | 'r' | 'u' | 'm'

/** A run of cells: a tuple of the table it is written with. */
export interface Tuple {
  readonly bytes: Uint8Array
  readonly at: number
  readonly end: number
}

interface Transaction {
  readonly header: Buffer
  readonly load: boolean
  index: number
}

/** What stands in the buffer up to the last whole transaction. */
interface Cut {
  at: number
  entries: number
  count: number
}

const FIRST_BUFFER = 64 * 1024
const SMALLEST_HANDOVER = 4096

/**
 * Fills batches for the log: transactions in, batches out, without an object per row. One buffer fills while the
 * batch before it is on its way; a batch once taken is never touched again.
 */
export class BatchWriter {
  readonly registry = new Map<number, Table>()
  readonly #longFrom: number
  #buffer: Buffer = Buffer.allocUnsafeSlow(FIRST_BUFFER)
  #at = 0
  #entries = 0
  #count = 0
  #cut: Cut = { at: 0, entries: 0, count: 0 }
  #tables = new Set<number>()
  #transaction: Transaction | undefined
  #unitOpen = false
  #starts = new Float64Array(64)

  /** `longFrom`: entries from this size use 64-bit lengths (tests lower it). */
  constructor(tables: readonly Table[] = [], longFrom = LONG) {
    for (const table of tables) this.registry.set(table.id, table)
    this.#longFrom = longFrom
  }

  /** Bytes waiting to be taken. */
  get size(): number {
    return this.#at
  }

  /** True if `take` would carry at least one whole transaction or end an open unit. */
  get hasWhole(): boolean {
    return this.#cut.at > 0 || (this.#unitOpen && this.#transaction === undefined)
  }

  get inTransaction(): boolean {
    return this.#transaction !== undefined
  }

  /** Makes a table version known and writes its `s` entry. */
  announce(table: Table): void {
    this.registry.set(table.id, table)
    const body = encodeTable(table)
    const at = this.#entry(EntryKind.schema, Flag.complete, table.id, body.length)
    this.#buffer.set(body, at)
    this.#count++
    this.#advanceIndex()
    if (this.#transaction === undefined) this.#markWhole()
  }

  /** `id`: the source's transaction number; `commitTime`: microseconds since 1970. */
  begin(id: string, position: Position | string, commitTime: bigint): void {
    this.#begin(id, position, commitTime, false)
  }

  /** Rows of a load: `high` is the fence's, `time` when it was read. */
  beginLoad(high: Position | string, time: bigint): void {
    this.#begin('', high, time, true)
  }

  #begin(id: string, position: string, commitTime: bigint, load: boolean): void {
    if (this.#transaction !== undefined)
      throw new TailraceError('RECORD_ORDER', 'stop', 'A transaction began before the one before it had ended.')
    const header = Buffer.allocUnsafe(16 + Buffer.byteLength(id) + Buffer.byteLength(position))
    header.writeBigInt64LE(commitTime, 0)
    let at = 8
    for (const text of [id, position]) {
      at = header.writeUInt32BE(Buffer.byteLength(text), at)
      at += header.write(text, at)
    }
    this.#transaction = { header, load, index: 0 }
    this.#transactionHeader(0)
  }

  #transactionHeader(flags: number): void {
    const transaction = this.#transaction!
    const loadFlag = transaction.load ? Flag.load : 0
    const at = this.#entry(EntryKind.transaction, flags | loadFlag, 0, transaction.header.length)
    this.#buffer.set(transaction.header, at)
  }

  /** The transaction is whole: what was written can be taken. */
  commit(): void {
    this.#transaction = undefined
    this.#markWhole()
  }

  /**
   * An insert, update, read or message. The tuple has one cell per column of the table; `before` likewise; `moved` is
   * the key the row had before a primary-key change (its delete must be the entry just written).
   */
  row(kind: RowKind, table: Table, tuple: Tuple, before?: Tuple, moved?: Uint8Array): void {
    const starts = this.#index(table, tuple)
    const run = table.key.length > 0 ? keyRun(table) : undefined
    let flags = this.#isComplete(tuple, starts, table) ? Flag.complete : 0
    let keyAt = 0
    let keyLength = 0
    let ownKey: Uint8Array | undefined
    if (run !== undefined) {
      for (const column of table.key) requireValue(table, tuple.bytes[starts[column]!], column)
      keyAt = starts[run.first]! - tuple.at
      keyLength = starts[run.last + 1]! - starts[run.first]!
      if (keyAt > 0xffff) ownKey = keyOf(table, tuple.bytes, starts)
    } else if (table.key.length > 0) ownKey = keyOf(table, tuple.bytes, starts)
    if (ownKey !== undefined) {
      flags |= Flag.key
      keyAt = 0
      keyLength = ownKey.length
    }
    this.#change(KIND_BYTES[kind], flags, table, keyAt, keyLength, ownKey, tuple, before, moved)
  }

  /** `old`: the row's last tuple if `full`, else one in which only the key columns hold values. */
  delete(table: Table, old: Tuple, full: boolean, moved?: Uint8Array): void {
    const key = keyOf(table, old.bytes, this.#index(table, old))
    const flags = Flag.complete | Flag.key
    this.#change(EntryKind.delete, flags, table, 0, key.length, key, undefined, full ? old : undefined, moved)
  }

  truncate(table: Table): void {
    this.#entry(EntryKind.truncate, Flag.complete, table.id, 0)
    this.#count++
    this.#advanceIndex()
  }

  /**
   * Hands over every whole transaction, ended by `end`; with none waiting it is a heartbeat, or the end of a unit whose
   * entries were taken before. What was begun and not committed stays.
   */
  take(end: UnitEnd): Batch {
    const cut = this.#cut
    const tail = this.#buffer.subarray(cut.at, this.#at)
    const tailEntries = this.#entries - cut.entries
    const tailCount = this.#count - cut.count
    const body = encodeUnitEnd(end)
    const kept = Buffer.from(tail)
    const tables = this.#tables
    const heartbeat = cut.entries === 0 && !this.#unitOpen
    this.#at = cut.at
    this.#entries = cut.entries
    this.#count = cut.count
    const at = this.#entry(heartbeat ? EntryKind.heartbeat : EntryKind.unitEnd, 0, 0, 8 + body.length)
    this.#buffer.fill(0, at, at + 8)
    this.#buffer.set(body, at + 8)
    const batch = this.#handOver(tables, end, cut.at)
    this.#unitOpen = false
    this.#cut = { at: 0, entries: 0, count: 0 }
    this.#restore(kept, tailEntries, tailCount)
    return batch
  }

  /** Hands over all there is although its transaction goes on: part of a unit. */
  takePart(): Batch {
    const batch = this.#handOver(this.#tables, undefined, -1)
    this.#unitOpen = true
    this.#cut = { at: 0, entries: 0, count: 0 }
    if (this.#transaction !== undefined) this.#transactionHeader(Flag.continued)
    return batch
  }

  #handOver(tables: Set<number>, end: UnitEnd | undefined, endAt: number): Batch {
    const used = this.#at
    let bytes: Buffer
    if (used < SMALLEST_HANDOVER || used < this.#buffer.length / 2) {
      bytes = Buffer.allocUnsafeSlow(used)
      bytes.set(this.#buffer.subarray(0, used))
    } else {
      bytes = this.#buffer.subarray(0, used)
      this.#buffer = Buffer.allocUnsafeSlow(Math.max(FIRST_BUFFER, Math.min(this.#buffer.length, 2 * used)))
    }
    const batch = sourceBatch(bytes, this.#entries, this.#count, tables, this.registry, end, endAt)
    this.#tables = new Set()
    this.#at = 0
    this.#entries = 0
    this.#count = 0
    return batch
  }

  /** Puts the begun transaction back at the front of the buffer, counted from delta 0. */
  #restore(tail: Buffer, entries: number, count: number): void {
    if (tail.length === 0) return
    this.#reserve(tail.length)
    this.#buffer.set(tail, 0)
    let at = 0
    for (let delta = 0; delta < entries; delta++) {
      this.#buffer.writeUInt32LE(delta, at + At.delta)
      const table = this.#buffer.readUInt32LE(at + At.table)
      if (table !== 0) this.#tables.add(table)
      const short = this.#buffer.readUInt32LE(at + At.length)
      at += short === LONG ? Number(this.#buffer.readBigUInt64LE(at + HEADER)) : short
    }
    this.#at = tail.length
    this.#entries = entries
    this.#count = count
  }

  #change(
    kind: number,
    flags: number,
    table: Table,
    keyAt: number,
    keyLength: number,
    ownKey: Uint8Array | undefined,
    tuple: Tuple | undefined,
    before: Tuple | undefined,
    moved: Uint8Array | undefined,
  ): void {
    if (moved !== undefined) flags |= Flag.moved
    if (before !== undefined) flags |= Flag.before
    let size = tuple === undefined ? 0 : tuple.end - tuple.at
    if (ownKey !== undefined) size += ownKey.length
    if (moved !== undefined) size += 4 + moved.length
    if (before !== undefined) size += 8 + before.end - before.at
    let at = this.#entry(kind, flags, table.id, size, keyAt, keyLength)
    const buffer = this.#buffer
    if (moved !== undefined) {
      writeU32BE(buffer, at, moved.length)
      buffer.set(moved, at + 4)
      at += 4 + moved.length
    }
    if (ownKey !== undefined) {
      buffer.set(ownKey, at)
      at += ownKey.length
    }
    if (before !== undefined) {
      writeU64BE(buffer, at, before.end - before.at)
      buffer.set(before.bytes.subarray(before.at, before.end), at + 8)
      at += 8 + before.end - before.at
    }
    if (tuple !== undefined) buffer.set(tuple.bytes.subarray(tuple.at, tuple.end), at)
    this.#count++
    this.#advanceIndex()
  }

  /** Writes a header and answers where the body goes. */
  #entry(kind: number, flags: number, table: number, bodySize: number, keyAt = 0, keyLength = 0): number {
    let size = HEADER + bodySize
    const long = size >= this.#longFrom
    if (long) size += 8
    this.#reserve(size)
    const buffer = this.#buffer
    const at = this.#at
    buffer.writeUInt32LE(long ? LONG : size, at + At.length)
    buffer[at + At.kind] = kind
    buffer[at + At.flags] = flags
    buffer.writeUInt16LE(keyAt, at + At.keyAt)
    buffer.writeUInt32LE(this.#entries, at + At.delta)
    buffer.writeUInt32LE(table, at + At.table)
    buffer.writeUInt32LE(this.#transaction?.index ?? 0, at + At.index)
    buffer.writeUInt32LE(keyLength, at + At.keyLength)
    if (long) buffer.writeBigUInt64LE(BigInt(size), at + HEADER)
    if (table !== 0) this.#tables.add(table)
    this.#at = at + size
    this.#entries++
    return at + HEADER + (long ? 8 : 0)
  }

  #reserve(size: number): void {
    if (this.#at + size <= this.#buffer.length) return
    const grown = Buffer.allocUnsafeSlow(Math.max(2 * this.#buffer.length, this.#at + size))
    grown.set(this.#buffer.subarray(0, this.#at))
    this.#buffer = grown
  }

  #index(table: Table, tuple: Tuple): Float64Array {
    if (this.#starts.length <= table.columns.length) this.#starts = new Float64Array(2 * table.columns.length + 1)
    indexCells(tuple.bytes, tuple.at, tuple.end, table.columns.length, this.#starts)
    return this.#starts
  }

  #isComplete(tuple: Tuple, starts: Float64Array, table: Table): boolean {
    for (let i = 0; i < table.columns.length; i++) if (tuple.bytes[starts[i]!] === CellTag.absent) return false
    return true
  }

  #advanceIndex(): void {
    if (this.#transaction !== undefined) this.#transaction.index++
  }

  #markWhole(): void {
    this.#cut = { at: this.#at, entries: this.#entries, count: this.#count }
  }
}

const KIND_BYTES = {
  c: EntryKind.create,
  r: EntryKind.read,
  u: EntryKind.update,
  m: EntryKind.message,
} as const
