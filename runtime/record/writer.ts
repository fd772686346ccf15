import type { Batch, Position, Table, UnitEnd } from '../contract.ts'
import { sourceBatch } from './batch.ts'
import { writeU32BE, writeU64BE } from './cells.ts'
import { copyInto, EntryBuffer } from './entry-buffer.ts'
import { indexCells, keyOf, keyRunAt, keyRunLength, keyStaysInRun, type RowShape, shapeOf } from './key.ts'
import { EntryKind, Flag, KIND_BYTES, LAST_INDEX, LONG } from './layout.ts'
import { outOfOrder } from './out-of-order.ts'
import { encodeTable, encodeTransaction, encodeUnitEnd } from './schema.ts'
import type { Tuple } from './tuple.ts'

type RowKind = 'c' | 'r' | 'u' | 'm'

interface Transaction {
  readonly header: Buffer
  readonly load: boolean
  index: number
  /** Part of it was handed over. */
  parted: boolean
}

/** What stands in the buffer up to the last whole transaction. */
interface Cut {
  at: number
  entries: number
  count: number
  incomplete: number
}

const NOTHING: Readonly<Cut> = { at: 0, entries: 0, count: 0, incomplete: 0 }

/**
 * Fills batches for the log: transactions in, batches out, without an object per row. One buffer fills while the
 * batch before it is on its way; a batch once taken is never touched again.
 */
export class BatchWriter {
  readonly registry: Map<number, Table>
  readonly #buffer: EntryBuffer
  #count = 0
  /** Rows with absent cells. */
  #incomplete = 0
  #cut = NOTHING
  /** Tables up to the cut, and behind it. */
  #tables = new Set<number>()
  #openTables = new Set<number>()
  #lastTable = 0
  #shape: RowShape | undefined
  #transaction: Transaction | undefined
  #unitOpen = false

  /** A map of tables is shared, not copied. `longFrom`: entries from this size use 64-bit lengths (tests lower it). */
  constructor(tables: readonly Table[] | Map<number, Table> = [], longFrom = LONG) {
    this.registry = tables instanceof Map ? tables : new Map(tables.map(table => [table.id, table]))
    this.#buffer = new EntryBuffer(longFrom)
  }

  /** Bytes waiting to be taken. */
  get size(): number {
    return this.#buffer.at
  }

  /** True if `take` would carry at least one whole transaction or end an open unit. */
  get hasWhole(): boolean {
    return this.#cut.at > 0 || (this.#unitOpen && this.#transaction === undefined)
  }

  get inTransaction(): boolean {
    return this.#transaction !== undefined
  }

  /** Makes a table version known and writes its `s` entry; outside a transaction it can be taken at once. */
  announce(table: Table): void {
    this.registry.set(table.id, table)
    const body = encodeTable(table)
    const outside = this.#transaction === undefined
    const flags = outside ? Flag.complete | Flag.outside : Flag.complete
    const at = this.#entry(EntryKind.schema, flags, table.id, body.length)
    this.#buffer.bytes.set(body, at)
    this.#counted()
    if (outside) this.#markWhole()
  }

  /** `id`: the source's transaction number; `commitTime`: microseconds since 1970; `index`: of the first change to come. */
  begin(id: string, position: Position | string, commitTime: bigint, index = 0): void {
    this.#begin(id, position, commitTime, false, index)
  }

  /** Rows of a load: `high` is the fence's, `time` when it was read. */
  beginLoad(high: Position | string, time: bigint): void {
    this.#begin('', high, time, true, 0)
  }

  #begin(id: string, position: string, commitTime: bigint, load: boolean, index: number): void {
    if (this.#transaction !== undefined) throw outOfOrder('a transaction began before the one before it had ended')
    this.#transaction = { header: encodeTransaction(id, position, commitTime), load, index, parted: false }
    this.#transactionHeader(0)
  }

  #transactionHeader(flags: number): void {
    const { header, load } = this.#transaction!
    const at = this.#entry(EntryKind.transaction, load ? flags | Flag.load : flags, 0, header.length)
    this.#buffer.bytes.set(header, at)
  }

  /** The transaction is whole: what was written can be taken. */
  commit(): void {
    this.#transaction = undefined
    this.#markWhole()
  }

  /**
   * An insert, update, read or message. The tuple has one cell per column of the table; `before` likewise; `moved` is
   * the key the row had before a primary-key change (its delete must be the entry just written). Only a message may
   * stand outside a transaction; it can then be taken at once.
   */
  row(kind: RowKind, table: Table, tuple: Tuple, before?: Tuple, moved?: Uint8Array): void {
    const shape = this.#shapeOf(table)
    const starts = shape.starts
    if (before !== undefined) indexCells(before.bytes, before.at, before.end, table.columns.length, starts)
    const complete = indexCells(tuple.bytes, tuple.at, tuple.end, table.columns.length, starts)
    let flags: number = complete ? Flag.complete : 0
    if (!complete && kind !== 'm') this.#incomplete++
    const keyAt = keyRunAt(shape, tuple.bytes, tuple.at, starts)
    const ownKey = keyAt < 0 ? keyOf(table, tuple.bytes, starts) : undefined
    if (ownKey !== undefined) flags |= Flag.key
    const keyLength = ownKey?.length ?? keyRunLength(shape, starts)
    this.#change(KIND_BYTES[kind], flags, table, Math.max(0, keyAt), keyLength, ownKey, tuple, before, moved)
  }

  /** What is being filled; another one after the next call. */
  get bytes(): Buffer {
    return this.#buffer.bytes
  }

  /** Where in `bytes` the next row's body may stand, for `placed`: `size` bytes at most (`isNeeded`: all). -1: nowhere. */
  room(table: Table, size: number, isNeeded = false): number {
    return keyStaysInRun(this.#shapeOf(table), size) ? this.#buffer.room(size, isNeeded) : -1
  }

  /**
   * The cells of a row stand up to `end`; each begins at its `starts`, and none is absent. They begin at `at`, as `room`
   * answered, or behind the cells of the row as it was before: these begin 8 bytes behind `at`.
   */
  placed(kind: RowKind, table: Table, at: number, end: number, starts: Uint32Array): void {
    if (this.#transaction === undefined) throw outOfOrder(`a change of ${table.name} outside a transaction`)
    const shape = this.#shapeOf(table)
    const tuple = starts[0]!
    let flags: number = Flag.complete
    if (tuple > at) {
      flags |= Flag.before
      writeU64BE(this.bytes, at, tuple - at - 8)
    }
    const keyAt = keyRunAt(shape, this.bytes, tuple, starts)
    this.#entry(KIND_BYTES[kind], flags, table.id, end - at, keyAt, keyRunLength(shape, starts))
    this.#counted()
  }

  /** `old`: the row's last tuple if `full`, else one in which only the key columns hold values. */
  delete(table: Table, old: Tuple, full: boolean, moved?: Uint8Array): void {
    if (table.key.length === 0) throw outOfOrder(`a delete in ${table.name}, which has no key`)
    const { starts } = this.#shapeOf(table)
    indexCells(old.bytes, old.at, old.end, table.columns.length, starts)
    this.deleteKey(table, keyOf(table, old.bytes, starts), full ? old : undefined, moved)
  }

  /** Of a row of which only the key is known, in its canonical bytes. */
  deleteKey(table: Table, key: Uint8Array, old?: Tuple, moved?: Uint8Array): void {
    this.#change(EntryKind.delete, Flag.complete | Flag.key, table, 0, key.length, key, undefined, old, moved)
  }

  truncate(table: Table): void {
    this.#change(EntryKind.truncate, Flag.complete, table, 0, 0, undefined, undefined, undefined, undefined)
  }

  /**
   * Hands over every whole transaction, ended by `end`; with none waiting it is a heartbeat, or the end of a unit whose
   * entries were taken before. What was begun and not committed stays.
   */
  take(end: UnitEnd): Batch {
    if (this.#transaction?.parted === true && this.#cut.at === 0)
      throw outOfOrder('a unit ended inside a transaction of which it holds a part')
    const buffer = this.#buffer
    const cut = this.#cut
    const tail = Buffer.from(buffer.bytes.subarray(cut.at, buffer.at))
    const tailEntries = buffer.entries - cut.entries
    const tailCount = this.#count - cut.count
    const tailIncomplete = this.#incomplete - cut.incomplete
    buffer.at = cut.at
    buffer.entries = cut.entries
    this.#count = cut.count
    this.#incomplete = cut.incomplete
    const body = encodeUnitEnd(end)
    const heartbeat = cut.entries === 0 && !this.#unitOpen
    const at = this.#entry(heartbeat ? EntryKind.heartbeat : EntryKind.unitEnd, 0, 0, 8 + body.length)
    buffer.bytes.fill(0, at, at + 8)
    buffer.bytes.set(body, at + 8)
    this.#forgetOpenTables()
    const batch = this.#handOver(end, cut.at)
    this.#unitOpen = false
    buffer.restore(tail, tailEntries, table => this.#noteTable(table))
    this.#count = tailCount
    this.#incomplete = tailIncomplete
    return batch
  }

  /** Hands over all there is although its transaction goes on: part of a unit. */
  takePart(): Batch {
    this.#markWhole()
    const batch = this.#handOver(undefined, -1)
    this.#unitOpen = true
    if (this.#transaction !== undefined) {
      this.#transaction.parted = true
      this.#transactionHeader(Flag.continued)
    }
    return batch
  }

  #handOver(end: UnitEnd | undefined, endAt: number): Batch {
    const { entries } = this.#buffer
    const bytes = this.#buffer.handOver()
    const batch = sourceBatch(bytes, entries, this.#count, this.#incomplete, this.#tables, this.registry, end, endAt)
    this.#tables = new Set()
    this.#count = 0
    this.#incomplete = 0
    this.#cut = NOTHING
    return batch
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
    const outside = this.#transaction === undefined
    if (outside && kind !== EntryKind.message) throw outOfOrder(`a change of ${table.name} outside a transaction`)
    if (outside) flags |= Flag.outside
    if (moved !== undefined) flags |= Flag.moved
    if (before !== undefined) flags |= Flag.before
    let size = tuple === undefined ? 0 : tuple.end - tuple.at
    if (ownKey !== undefined) size += ownKey.length
    if (moved !== undefined) size += 4 + moved.length
    if (before !== undefined) size += 8 + before.end - before.at
    let at = this.#entry(kind, flags, table.id, size, keyAt, keyLength)
    const buffer = this.#buffer.bytes
    if (moved !== undefined) {
      writeU32BE(buffer, at, moved.length)
      at = copyInto(buffer, at + 4, moved, 0, moved.length)
    }
    if (ownKey !== undefined) at = copyInto(buffer, at, ownKey, 0, ownKey.length)
    if (before !== undefined) {
      writeU64BE(buffer, at, before.end - before.at)
      at = copyInto(buffer, at + 8, before.bytes, before.at, before.end)
    }
    if (tuple !== undefined) copyInto(buffer, at, tuple.bytes, tuple.at, tuple.end)
    this.#counted()
    if (outside) this.#markWhole()
  }

  #entry(kind: number, flags: number, table: number, bodySize: number, keyAt = 0, keyLength = 0): number {
    if (table !== this.#lastTable) this.#noteTable(table)
    return this.#buffer.entry(kind, flags, table, this.#transaction?.index ?? 0, bodySize, keyAt, keyLength)
  }

  /** Rows of one table come in runs, so that the last one is all that is remembered. */
  #shapeOf(table: Table): RowShape {
    if (this.#shape?.table !== table) this.#shape = shapeOf(table)
    return this.#shape
  }

  #noteTable(table: number): void {
    if (table === 0) return
    this.#openTables.add(table)
    this.#lastTable = table
  }

  #counted(): void {
    this.#count++
    if (this.#transaction !== undefined && this.#transaction.index < LAST_INDEX) this.#transaction.index++
  }

  #markWhole(): void {
    for (const id of this.#openTables) this.#tables.add(id)
    this.#forgetOpenTables()
    const { at, entries } = this.#buffer
    this.#cut = { at, entries, count: this.#count, incomplete: this.#incomplete }
  }

  #forgetOpenTables(): void {
    this.#openTables.clear()
    this.#lastTable = 0
  }
}
