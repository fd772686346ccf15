import type { Table } from '../../../contract.ts'
import { crashPoint } from '../../../crash.ts'
import { CellHasher } from '../../../record/cell-hash.ts'
import { readU32BE, readU32LE } from '../../../record/cells.ts'
import { bodyAt, findParts, newParts } from '../../../record/entry-parts.ts'
import { At, EntryKind, Flag } from '../../../record/layout.ts'
import { entryLength } from '../../../record/slice.ts'
import { ChunkType } from '../chunk.ts'
import { BlockPlaces } from './block-places.ts'
import { Incarnations } from './incarnations.ts'
import { IncompleteKeys } from './incomplete-keys.ts'
import { HASH_AT, INDEX_FORMAT, Prefix, RowFlag, Scratch, STATE_KEY, type State } from './layout.ts'
import type { Store, StoreBatch } from './store.ts'
import type { TrailChunk } from './trail.ts'

const NOTHING = Buffer.alloc(0)
/** Of the transaction number behind the commit time in its header's body. */
const TRANSACTION_ID = 8

/** Puts chunks of the log into the store, in the log's order. */
export class Indexer {
  readonly incarnations: Incarnations
  readonly #store: Store
  readonly incomplete: IncompleteKeys
  readonly #places: BlockPlaces
  readonly #keys = new Scratch()
  readonly #values = new Scratch()
  readonly #parts = newParts()
  readonly #hasher = new CellHasher()
  #batch: StoreBatch | undefined
  #last: Omit<TrailChunk, 'payload'> | undefined

  private constructor(store: Store, applied: number, incarnations: Incarnations, incomplete: IncompleteKeys) {
    this.#store = store
    this.#places = new BlockPlaces(store, applied)
    this.incarnations = incarnations
    this.incomplete = incomplete
  }

  /** `applied`: offset of the last entry in the store; 0 while it is empty. */
  static async open(store: Store, applied: number): Promise<Indexer> {
    const incarnations = await Incarnations.load(store)
    return new Indexer(store, applied, incarnations, await IncompleteKeys.load(store, incarnations))
  }

  know(tables: readonly Pick<Table, 'id' | 'name' | 'incarnation'>[]): void {
    for (const table of tables) this.incarnations.know(table)
  }

  /** Seen by nobody before `commit`. */
  add(chunk: TrailChunk): void {
    const { header, payload } = chunk
    if (header.type === ChunkType.tables) {
      this.know(JSON.parse(payload.toString('utf8')) as Table[])
      return
    }
    this.#batch ??= this.#store.batch()
    const batch = this.#batch
    let headerAt = -1
    let transaction: Buffer = NOTHING
    for (let at = 0, end = 0; at < payload.length; at = end) {
      end = at + entryLength(payload, at, payload.length)
      const offset = header.base + readU32LE(payload, at + At.delta)
      this.#places.note(batch, chunk, offset, at, headerAt)
      const kind = payload[at + At.kind]!
      if (kind === EntryKind.transaction) {
        headerAt = at
        transaction = transactionId(payload, at)
      } else if (kind === EntryKind.truncate) this.#truncate(payload, at, offset, transaction)
      else if (isRow(kind) && readU32LE(payload, at + At.keyLength) > 0)
        this.#putRow(batch, payload, at, end, kind, offset, transaction)
    }
    this.#last = { header, segment: chunk.segment, at: chunk.at, end: chunk.end }
  }

  /** Stores all that was added in one write, with how far the index has come. A crash leaves all of it or nothing. */
  async commit(logId: string): Promise<void> {
    const chunk = this.#last
    const batch = this.#batch
    if (chunk === undefined || batch === undefined) return
    this.#last = undefined
    this.#batch = undefined
    const { header, segment, end } = chunk
    const state: State = {
      format: INDEX_FORMAT,
      logId,
      session: header.session,
      applied: header.base + header.entries - 1,
      place: { segment, at: end, crc: header.crc },
    }
    this.incarnations.write(batch)
    this.#places.write(batch)
    batch.put(STATE_KEY, Buffer.from(JSON.stringify(state)))
    await this.#store.write(batch)
    crashPoint('index.written')
    this.incomplete.written()
  }

  #putRow(
    batch: StoreBatch,
    payload: Buffer,
    at: number,
    end: number,
    kind: number,
    offset: number,
    transaction: Uint8Array,
  ): void {
    const life = this.incarnations.ofTable(readU32LE(payload, at + At.table))
    if (life === undefined) throw new Error(`the log has no definition of table ${readU32LE(payload, at + At.table)}`)
    const parts = this.#parts
    findParts(payload, at, end, parts)
    const isDelete = kind === EntryKind.delete
    const isIncomplete = (payload[at + At.flags]! & Flag.complete) === 0
    let flags = isDelete ? RowFlag.delete : 0
    if (isIncomplete) flags |= RowFlag.incomplete
    if (kind === EntryKind.read) flags |= RowFlag.chunk
    const value = this.#values.rowValue(flags, offset, transaction)
    this.#hasher.write(payload, isDelete ? end : parts.cellsAt, end, value, HASH_AT)
    const key = this.#keys.rowKey(Prefix.row, life.number, payload, parts.keyAt, parts.keyEnd)
    batch.put(key, value)
    if (isIncomplete || life.incomplete > 0) this.incomplete.note(batch, life, key, isIncomplete, offset)
  }

  #truncate(payload: Buffer, at: number, offset: number, transaction: Buffer): void {
    const life = this.incarnations.ofTable(readU32LE(payload, at + At.table))
    if (life !== undefined) this.incarnations.truncate(life, offset, transaction.toString('utf8'))
  }
}

/** Whether entries of this kind change a row. */
export function isRow(kind: number): boolean {
  return kind === EntryKind.create || kind === EntryKind.read || kind === EntryKind.update || kind === EntryKind.delete
}

/** Empty for rows of a load. */
function transactionId(payload: Buffer, headerAt: number): Buffer {
  if ((payload[headerAt + At.flags]! & Flag.load) !== 0) return NOTHING
  const at = bodyAt(payload, headerAt) + TRANSACTION_ID
  return payload.subarray(at + 4, at + 4 + readU32BE(payload, at))
}
