import { CellHasher } from '../../../record/cell-hash.ts'
import { asBuffer, readU32LE } from '../../../record/cells.ts'
import { findParts, newParts } from '../../../record/entry-parts.ts'
import { At, CHANGE_KINDS, EntryKind } from '../../../record/layout.ts'
import { entryLength } from '../../../record/slice.ts'
import type { CompactedSet } from './compacted-set.ts'
import type { Evidence } from './evidence.ts'
import type { ForgottenKeys } from './forgotten-keys.ts'
import type { Incarnation, Incarnations } from './incarnations.ts'
import { isRow } from './indexer.ts'
import { HASH_AT, isGone, Prefix, RowFlag, rowOffset, Scratch, TRANSACTION_AT } from './layout.ts'
import type { TableLife } from './packing.ts'
import { type PackedStates, StateCode, StatesPacker } from './row-states.ts'
import type { Store } from './store.ts'

/** The batch of a load. */
export interface LoadRows {
  readonly bytes: Uint8Array
  /** Changes in it. */
  readonly count: number
  /** Of each table that occurs, by its id. */
  readonly lives: ReadonlyMap<number, TableLife>
  /** That reads it. */
  readonly pass: string | undefined
}

interface Life {
  readonly life: Incarnation
  /** Of the pass over it. */
  readonly number: number | undefined
}

/** Compares the rows of loads with what the index says of their keys. */
export class KeyStates {
  readonly #store: Store
  readonly #set: CompactedSet
  readonly #incarnations: Incarnations
  readonly #evidence: Evidence
  readonly #forgotten: ForgottenKeys
  readonly #keys = new Scratch()
  readonly #parts = newParts()
  readonly #hasher = new CellHasher()
  readonly #hash = Buffer.alloc(8)

  constructor(
    store: Store,
    set: CompactedSet,
    incarnations: Incarnations,
    evidence: Evidence,
    forgotten: ForgottenKeys,
  ) {
    this.#forgotten = forgotten
    this.#store = store
    this.#set = set
    this.#incarnations = incarnations
    this.#evidence = evidence
  }

  /**
   * The pass has evidence of all keys on return, put there in one write. Undefined, and none is noted, if its former
   * evidence is gone.
   */
  async find(rows: LoadRows): Promise<PackedStates | undefined> {
    const { pass, count } = rows
    const lives = this.#livesOf(rows)
    const bytes = asBuffer(rows.bytes)
    const packer = new StatesPacker(count)
    await using batch = pass === undefined ? undefined : this.#store.batch()
    const parts = this.#parts
    for (let at = 0, end = 0; at < bytes.length; at = end) {
      end = at + entryLength(bytes, at, bytes.length)
      const kind = bytes[at + At.kind]!
      if (!CHANGE_KINDS.has(kind)) continue
      const known = lives.get(readU32LE(bytes, at + At.table))
      const hasKey = isRow(kind) && readU32LE(bytes, at + At.keyLength) > 0
      if (hasKey && pass !== undefined && known?.number === undefined) return undefined
      if (!hasKey || known === undefined) {
        packer.none()
        continue
      }
      findParts(bytes, at, end, parts)
      this.#look(known.life, bytes, end, kind, packer)
      if (known.number !== undefined) this.#evidence.note(batch!, known.number, bytes, parts.keyAt, parts.keyEnd)
    }
    if (batch !== undefined) await this.#store.write(batch)
    return packer.packed(truncateOf(lives.values()))
  }

  /** By the id of the table; those that the index has not met are missing. */
  #livesOf({ lives, pass }: LoadRows): Map<number, Life> {
    const found = new Map<number, Life>()
    for (const [id, { table, incarnation }] of lives) {
      const life = this.#incarnations.find(table, incarnation)
      const number = pass === undefined ? undefined : this.#evidence.find(life, pass)
      if (life !== undefined) found.set(id, { life, number })
    }
    return found
  }

  /** Of the change whose parts were found. */
  #look(life: Incarnation, bytes: Buffer, end: number, kind: number, packer: StatesPacker): void {
    const { keyAt, keyEnd, cellsAt } = this.#parts
    const rowKey = this.#keys.rowKey(Prefix.row, life.number, bytes, keyAt, keyEnd)
    const value = this.#store.get(rowKey) ?? this.#forgotten.get(rowKey)
    const offset = value === undefined ? 0 : rowOffset(value)
    if (value === undefined || offset < life.floor || isGone(value[0]!, offset, this.#set.expiredTo)) {
      packer.none()
      return
    }
    const flags = value[0]!
    let state: number = StateCode.different
    if ((flags & RowFlag.delete) !== 0) state = StateCode.deleted
    else if ((flags & RowFlag.incomplete) !== 0) state = StateCode.incomplete
    else if (kind !== EntryKind.delete) {
      this.#hasher.write(bytes, cellsAt, end, this.#hash, 0)
      if (value.compare(this.#hash, 0, 8, HASH_AT, TRANSACTION_AT) === 0) state = StateCode.same
    }
    packer.add(state, offset, value, TRANSACTION_AT)
  }
}

function truncateOf(lives: Iterable<Life>): PackedStates['truncated'] {
  let version = 0
  let transaction = ''
  for (const { life } of lives) {
    if (life.floor <= version) continue
    version = life.floor
    transaction = life.floorTransaction
  }
  return version === 0 ? undefined : { version, transaction }
}
