import type { LogSlice, ReadOptions, Table, TableFilter } from '../contract.ts'
import { asBuffer, malformed } from './cells.ts'
import { At, CHANGE_KINDS, EntryKind, Flag } from './layout.ts'
import { entries } from './slice.ts'

const DEFAULT_ROWS = 10_000
const DEFAULT_BYTES = 4 * 1024 * 1024

/**
 * Gathers slices for one LogBatch, within limits: ends at the last transaction end that fits them, and only where one
 * transaction alone does not fit, inside it. Takes at least one change whatever its size. A truncate stays alone.
 */
export class Gather {
  readonly slices: LogSlice[] = []
  /** Changes gathered of the tables asked for. */
  count = 0
  /** Offset of the last entry gathered; 0 while there is none. */
  lastOffset = 0
  endsTransaction = true
  readonly #maxRows: number
  readonly #maxBytes: number
  readonly #wanted: (table: number) => boolean
  #bytes = 0
  /** A truncate was taken: it stays alone. */
  #sealed = false

  constructor(tables: ReadonlyMap<number, Table>, filter: TableFilter, options: ReadOptions = {}) {
    this.#maxRows = options.maxRows ?? DEFAULT_ROWS
    this.#maxBytes = options.maxBytes ?? DEFAULT_BYTES
    const known = new Map<number, boolean>()
    this.#wanted = id => {
      let wanted = known.get(id)
      if (wanted === undefined) {
        const table = tables.get(id)
        if (table === undefined) throw malformed(`a change of table ${id}, which was never announced,`, 0)
        wanted = filter(table)
        known.set(id, wanted)
      }
      return wanted
    }
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Adds what fits of the slice and answers the part that does not; undefined if all of it did. */
  add(slice: LogSlice): LogSlice | undefined {
    const bytes = asBuffer(slice.bytes)
    const mark = { at: slice.from, count: this.count, bytes: this.#bytes, lastOffset: this.lastOffset }
    let { transactionAt } = slice
    let markTransactionAt = transactionAt
    let { count, lastOffset } = this
    let size = this.#bytes
    let ended = this.slices.length === 0 || this.endsTransaction
    // A slice that goes on with a transaction has no whole one to go back to before its first end.
    let hasMark = ended
    for (const entry of entries(slice)) {
      if (this.#sealed && CHANGE_KINDS.has(entry.kind)) {
        this.#take(slice, { at: entry.at, count, bytes: size, lastOffset }, false)
        return { ...slice, from: entry.at, transactionAt }
      }
      const flags = bytes[entry.at + At.flags]!
      const starts = entry.kind === EntryKind.transaction && (flags & Flag.continued) === 0
      if (starts || (flags & Flag.outside) !== 0) ended = true
      if (entry.kind === EntryKind.unitEnd || entry.kind === EntryKind.heartbeat) ended = true
      if (ended) {
        hasMark = true
        mark.at = entry.at
        mark.count = count
        mark.bytes = size
        mark.lastOffset = lastOffset
        markTransactionAt = transactionAt
      }
      const isWanted = CHANGE_KINDS.has(entry.kind) && this.#wanted(bytes.readUInt32LE(entry.at + At.table))
      const length = isWanted ? entry.end - entry.at : 0
      const truncates = isWanted && entry.kind === EntryKind.truncate
      if (isWanted && count > 0 && (truncates || count >= this.#maxRows || size + length > this.#maxBytes)) {
        const whole = hasMark && mark.count > 0 && (!truncates || mark.count === count)
        const cut = whole ? mark : { at: entry.at, count, bytes: size, lastOffset }
        this.#take(slice, cut, whole)
        return { ...slice, from: cut.at, transactionAt: whole ? markTransactionAt : transactionAt }
      }
      if (truncates) this.#sealed = true
      if (isWanted) count++
      size += length
      lastOffset = slice.base + bytes.readUInt32LE(entry.at + At.delta)
      if (entry.kind === EntryKind.transaction) transactionAt = entry.at
      ended = (flags & Flag.outside) !== 0 || entry.kind === EntryKind.unitEnd || entry.kind === EntryKind.heartbeat
    }
    this.#take(slice, { at: slice.to, count, bytes: size, lastOffset }, ended)
    return undefined
  }

  #take(
    slice: LogSlice,
    cut: { at: number; count: number; bytes: number; lastOffset: number },
    endsTransaction: boolean,
  ): void {
    if (cut.at > slice.from) this.slices.push({ ...slice, to: cut.at })
    this.count = cut.count
    this.#bytes = cut.bytes
    this.lastOffset = cut.lastOffset
    this.endsTransaction = endsTransaction
  }
}
