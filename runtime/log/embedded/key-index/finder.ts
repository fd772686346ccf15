import { CellHasher } from '../../../record/cell-hash.ts'
import { readU32LE } from '../../../record/cells.ts'
import { findParts, newParts } from '../../../record/entry-parts.ts'
import { At, EntryKind } from '../../../record/layout.ts'
import type { CompactedSet } from './compacted-set.ts'
import { indexFailed } from './failures.ts'
import type { Indexer } from './indexer.ts'
import { decodeRow, isGone, Prefix, type Row, Scratch } from './layout.ts'
import type { KeyRequest, PackedRecord, RecordPacker } from './packing.ts'
import type { Records } from './records.ts'
import type { Store } from './store.ts'

/** `ended`: a truncate ended the key, and nothing has come since. `unknown`: nothing is known of it. */
export type Found = PackedRecord | 'ended' | 'unknown'

/** Looks keys up in one store and reads their newest record. */
export class Finder {
  readonly #store: Store
  readonly #indexer: Indexer
  readonly #records: Records
  readonly #set: CompactedSet
  readonly #keys = new Scratch()
  readonly #parts = newParts()
  readonly #hasher = new CellHasher()
  readonly #hash = Buffer.alloc(8)

  constructor(store: Store, indexer: Indexer, records: Records, set: CompactedSet) {
    this.#store = store
    this.#indexer = indexer
    this.#records = records
    this.#set = set
  }

  /** The record's bytes go into `into`. Throws LOG_INDEX if the record is not the one that was indexed. */
  find({ table, incarnation, key }: KeyRequest, into: RecordPacker): Found {
    const life = this.#indexer.incarnations.find(table, incarnation)
    if (life === undefined) return 'unknown'
    const value = this.#store.get(this.#keys.rowKey(Prefix.row, life.number, key))
    if (value === undefined) return life.floor > 0 ? 'ended' : 'unknown'
    const row = decodeRow(value)
    if (row.offset < life.floor) return 'ended'
    if (isGone(row.flags, row.offset, this.#set.expiredTo)) return 'unknown'
    const found = this.#records.find(this.#store, row.offset)
    const from = into.at
    const at = from + found.headerLength
    const to = at + found.length
    into.reserve(to - from)
    found.copy(into.bytes, from)
    if (!this.#is(into.bytes, at, to, key, row))
      throw indexFailed(`the record at offset ${row.offset} is not the one that was indexed`)
    into.at = to
    return { from, at, to, base: found.base, appendTime: found.appendTime }
  }

  #is(bytes: Buffer, at: number, to: number, key: Uint8Array, { hash }: Row): boolean {
    const parts = this.#parts
    findParts(bytes, at, to, parts)
    if (readU32LE(bytes, at + At.keyLength) !== key.length) return false
    if (bytes.compare(key, 0, key.length, parts.keyAt, parts.keyEnd) !== 0) return false
    const from = bytes[at + At.kind] === EntryKind.delete ? to : parts.cellsAt
    this.#hasher.write(bytes, from, to, this.#hash, 0)
    return this.#hash.equals(hash)
  }
}
