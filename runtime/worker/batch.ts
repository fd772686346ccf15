import type { Cursor, LogBatch, LoggedChange, LogSlice, Table } from '../contract.ts'
import { LARGE_BYTES } from '../large-memory.ts'
import { changes, logBatch } from '../record/batch.ts'
import { asBuffer } from '../record/cells.ts'
import { entryLength } from '../record/slice.ts'
import type { PackedBatch, PackedSlice } from './protocol.ts'

/** Log batches on their way into a sink's thread: copied once into shared memory, never transferred. */

const SMALLEST = 256 * 1024
const KEPT = 3

/** Shared memory that is used again once the thread is done with it. */
export class SharedPool {
  readonly #free: SharedArrayBuffer[] = []

  take(size: number): SharedArrayBuffer {
    const fits = this.#free.findIndex(buffer => buffer.byteLength >= size)
    if (fits !== -1) return this.#free.splice(fits, 1)[0]!
    return new SharedArrayBuffer(Math.max(SMALLEST, 2 ** Math.ceil(Math.log2(Math.max(1, size)))))
  }

  /** Not kept where it is large: it may then be the log's own, and batches to come lie in it. */
  give(buffer: SharedArrayBuffer): void {
    if (buffer.byteLength >= LARGE_BYTES) return
    if (this.#free.length === KEPT) this.#free.shift()
    this.#free.push(buffer)
  }
}

export function packBatch(batch: LogBatch, pool: SharedPool): PackedBatch {
  const { cursor, count, endsTransaction, gap } = batch
  const common = { cursor, count, endsTransaction, gap, ...describeChanges(batch) }
  return sharedAlready(batch.slices, common) ?? copied(batch.slices, common, pool)
}

type Common = Omit<PackedBatch, 'bytes' | 'slices'>

/** Large chunks that were read for this reader lie in shared memory; undefined: the batch does not lie in one of them. */
function sharedAlready(slices: readonly LogSlice[], common: Common): PackedBatch | undefined {
  const bytes = slices[0]?.bytes.buffer
  if (!(bytes instanceof SharedArrayBuffer) || slices.some(slice => slice.bytes.buffer !== bytes)) return undefined
  const moved = slices.map(({ bytes: { byteOffset }, from, to, transactionAt, base, appendTime }): PackedSlice => {
    const headerAt = transactionAt === -1 ? -1 : byteOffset + transactionAt
    return { from: byteOffset + from, to: byteOffset + to, transactionAt: headerAt, base, appendTime }
  })
  return { ...common, bytes, slices: moved }
}

function copied(slices: readonly LogSlice[], common: Common, pool: SharedPool): PackedBatch {
  const headers = slices.map(transactionHeader)
  const size = slices.reduce((sum, slice, i) => sum + headers[i]!.length + slice.to - slice.from, 0)
  const shared = pool.take(size)
  const bytes = Buffer.from(shared)
  let at = 0
  const moved = slices.map((slice, i): PackedSlice => {
    const header = headers[i]!
    const transactionAt = slice.transactionAt === -1 ? -1 : at
    bytes.set(header, at)
    const from = at + header.length
    bytes.set(slice.bytes.subarray(slice.from, slice.to), from)
    at = from + slice.to - slice.from
    return { from, to: at, transactionAt, base: slice.base, appendTime: slice.appendTime }
  })
  return { ...common, bytes: shared, slices: moved }
}

/** The header of the transaction that the slice begins inside of. */
function transactionHeader(slice: LogSlice): Uint8Array {
  const at = slice.transactionAt
  if (at === -1) return new Uint8Array(0)
  return slice.bytes.subarray(at, at + entryLength(asBuffer(slice.bytes), at, slice.bytes.length))
}

/** Which tables the batch's filter lets through, and how cursors of changes are written. */
function describeChanges(batch: LogBatch): Pick<PackedBatch, 'wanted' | 'cursors'> {
  const wanted = new Set<number>()
  const prefix = batch.cursor.slice(0, batch.cursor.lastIndexOf(':') + 1)
  let table: Table | undefined
  let cursors: string | Cursor[] | undefined
  for (const change of batch) {
    cursors ??= change.cursor === `${prefix}${change.version}` ? prefix : []
    if (typeof cursors !== 'string') cursors.push(change.cursor)
    if (change.table === table) continue
    table = change.table
    wanted.add(table.id)
  }
  return { wanted: [...wanted], cursors: cursors ?? [] }
}

export function unpackBatch(packed: PackedBatch, tables: ReadonlyMap<number, Table>): LogBatch {
  const bytes = Buffer.from(packed.bytes)
  const slices = packed.slices.map(slice => ({ ...slice, bytes }))
  const wanted = new Set(packed.wanted)
  const filter = (table: Table): boolean => wanted.has(table.id)
  const { cursor, count, endsTransaction, gap, cursors } = packed
  const common = { slices, cursor, count, endsTransaction, gap, filter, tables }
  if (typeof cursors === 'string') return logBatch({ ...common, cursorAt: offset => `${cursors}${offset}` as Cursor })
  return {
    ...logBatch({ ...common, cursorAt: () => cursor }),
    [Symbol.iterator]: () => withCursors(slices, tables, filter, cursors),
  }
}

function* withCursors(
  slices: readonly LogSlice[],
  tables: ReadonlyMap<number, Table>,
  filter: (table: Table) => boolean,
  cursors: readonly Cursor[],
): Generator<LoggedChange> {
  let index = -1
  for (const change of changes(slices, tables, filter, () => cursors[index]!)) {
    index++
    yield change
  }
}
