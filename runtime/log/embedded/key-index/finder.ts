import { asBuffer, readU32LE } from '../../../record/cells.ts'
import { findParts, newParts } from '../../../record/entry-parts.ts'
import { At, EntryKind } from '../../../record/layout.ts'
import { writeCellHash } from './cell-hash.ts'
import { indexFailed } from './failures.ts'
import type { Indexer } from './indexer.ts'
import { decodeRow, Prefix, type Row, Scratch } from './layout.ts'
import type { LogRecord, Records } from './records.ts'
import type { Store } from './store.ts'

export interface KeyRequest {
  readonly table: string
  readonly incarnation: number
  readonly key: Uint8Array
}

/** `ended`: a truncate ended the key, and nothing has come since. `unknown`: nothing is known of it. */
export type Found = LogRecord | 'ended' | 'unknown'

/** Looks keys up in one store and reads their newest record. */
export class Finder {
  readonly #store: Store
  readonly #indexer: Indexer
  readonly #records: Records
  readonly #keys = new Scratch()
  readonly #parts = newParts()
  readonly #hash = Buffer.alloc(8)

  constructor(store: Store, indexer: Indexer, records: Records) {
    this.#store = store
    this.#indexer = indexer
    this.#records = records
  }

  /** Throws LOG_INDEX if the record is not the one that was indexed. */
  find({ table, incarnation, key }: KeyRequest): Found {
    const life = this.#indexer.incarnations.find(table, incarnation)
    if (life === undefined) return 'unknown'
    const value = this.#store.get(this.#keys.rowKey(Prefix.row, life.number, key))
    if (value === undefined) return life.floor > 0 ? 'ended' : 'unknown'
    const row = decodeRow(value)
    if (row.offset < life.floor) return 'ended'
    const record = this.#records.read(this.#store, row.offset)
    if (!this.#is(record, key, row))
      throw indexFailed(`the record at offset ${row.offset} is not the one that was indexed`)
    return record
  }

  #is({ bytes, at }: LogRecord, key: Uint8Array, { hash }: Row): boolean {
    const parts = this.#parts
    findParts(bytes, at, bytes.length, parts)
    if (readU32LE(bytes, at + At.keyLength) !== key.length) return false
    if (asBuffer(bytes).compare(key, 0, key.length, parts.keyAt, parts.keyEnd) !== 0) return false
    const from = bytes[at + At.kind] === EntryKind.delete ? bytes.length : parts.cellsAt
    writeCellHash(bytes, from, bytes.length, this.#hash, 0)
    return this.#hash.equals(hash)
  }
}
