import type {
  Batch,
  ChangeView,
  Cursor,
  LogBatch,
  LoggedChange,
  LogSlice,
  Table,
  TableFilter,
  UnitEnd,
} from '../contract.ts'
import { asBuffer, malformed, readU32LE } from './cells.ts'
import { Gather } from './gather.ts'
import { At, CHANGE_KINDS, EntryKind } from './layout.ts'
import { checkEntry, entries, entryLength, wholeSlice } from './slice.ts'
import { RecordView } from './view.ts'

/** A source's batch over finished bytes (record/writer.ts). */
export function sourceBatch(
  bytes: Uint8Array,
  entries: number,
  count: number,
  incomplete: number,
  tables: ReadonlySet<number>,
  registry: ReadonlyMap<number, Table>,
  end: UnitEnd | undefined,
  endAt: number,
): Batch {
  const slices = [wholeSlice(bytes, 0, 0n)]
  const batch = {
    bytes,
    entries,
    count,
    incomplete,
    tables,
    registry,
    endAt,
    [Symbol.iterator]: (): Iterator<ChangeView> => changes(slices, registry, undefined, noCursor),
  }
  return end === undefined ? batch : { ...batch, end }
}

const noCursor = (): Cursor => '' as Cursor

export interface LogBatchParts {
  readonly slices: readonly LogSlice[]
  readonly cursor: Cursor
  readonly endsTransaction: boolean
  readonly gap: boolean
  readonly tables: ReadonlyMap<number, Table>
  readonly filter: TableFilter
  /** The cursor behind the entry at this offset. */
  readonly cursorAt: (offset: number) => Cursor
  /** If known; counted otherwise. */
  readonly count?: number
}

export function logBatch(parts: LogBatchParts): LogBatch {
  const { slices, cursor, endsTransaction, gap, tables, filter, cursorAt } = parts
  return {
    slices,
    cursor,
    endsTransaction,
    gap,
    tables,
    count: parts.count ?? countChanges(slices, tables, filter),
    split: rows => splitBatch(parts, rows),
    over: (other, otherTables, count) => logBatch({ ...parts, slices: other, tables: otherTables, count }),
    [Symbol.iterator]: () => changes(slices, tables, filter, cursorAt),
  }
}

/**
 * Lets go of the bytes of a batch that is done with. Who has handed it on, a generator that waits, a promise that is kept,
 * holds the batch itself for as long as it likes, and with large values that was once their size more.
 */
export function letGo({ slices }: LogBatch): void {
  ;(slices as LogSlice[]).length = 0
}

/** Changes of the tables that pass the filter, through one reused view. */
export function changes(
  slices: readonly LogSlice[],
  tables: ReadonlyMap<number, Table>,
  filter: TableFilter | undefined,
  cursorAt: (offset: number) => Cursor,
): IterableIterator<LoggedChange> {
  return new Changes(slices, tables, filter, cursorAt)
}

/** Written out, because generators cost half of what a row costs. */
class Changes implements IterableIterator<LoggedChange> {
  readonly #slices: readonly LogSlice[]
  readonly #tables: ReadonlyMap<number, Table>
  readonly #filter: TableFilter | undefined
  readonly #wanted = new Map<number, Table | null>()
  readonly #view: RecordView
  readonly #result: { done: false; value: LoggedChange }
  #next = 0
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #to = 0
  #tableId = -1
  #table: Table | null = null

  constructor(
    slices: readonly LogSlice[],
    tables: ReadonlyMap<number, Table>,
    filter: TableFilter | undefined,
    cursorAt: (offset: number) => Cursor,
  ) {
    this.#slices = slices
    this.#tables = tables
    this.#filter = filter
    this.#view = new RecordView(cursorAt)
    this.#result = { done: false, value: this.#view }
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<LoggedChange, undefined> {
    for (;;) {
      if (this.#at >= this.#to && !this.#nextSlice()) return { done: true, value: undefined }
      const at = this.#at
      const bytes = this.#bytes
      const end = at + entryLength(bytes, at, this.#to)
      this.#at = end
      const byte = bytes[at + At.kind]!
      checkEntry(byte, bytes[at + At.flags]!, at)
      const kind = CHANGE_KINDS.get(byte)
      if (kind === undefined) {
        if (byte === EntryKind.transaction) this.#view.transactionHeader(at)
        continue
      }
      const id = readU32LE(bytes, at + At.table)
      if (id !== this.#tableId) this.#table = this.#tableOf(id, at)
      if (this.#table === null) continue
      this.#view.move(kind, this.#table, at, end)
      return this.#result
    }
  }

  #nextSlice(): boolean {
    const slice = this.#slices[this.#next++]
    if (slice === undefined) return false
    this.#bytes = asBuffer(slice.bytes)
    this.#at = slice.from
    this.#to = slice.to
    this.#view.slice(slice)
    return true
  }

  #tableOf(id: number, at: number): Table | null {
    let table = this.#wanted.get(id)
    if (table === undefined) {
      table = wantedTable(this.#tables, id, this.#filter, at)
      this.#wanted.set(id, table)
    }
    this.#tableId = id
    return table
  }
}

function wantedTable(
  tables: ReadonlyMap<number, Table>,
  id: number,
  filter: TableFilter | undefined,
  at: number,
): Table | null {
  const table = tables.get(id)
  if (table === undefined) throw malformed(`a change of table ${id}, which was never announced,`, at)
  return filter === undefined || filter(table) ? table : null
}

function countChanges(slices: readonly LogSlice[], tables: ReadonlyMap<number, Table>, filter: TableFilter): number {
  let count = 0
  const wanted = new Map<number, boolean>()
  for (const slice of slices) {
    const bytes = asBuffer(slice.bytes)
    for (const entry of entries(slice)) {
      if (!CHANGE_KINDS.has(entry.kind)) continue
      const id = bytes.readUInt32LE(entry.at + At.table)
      let yes = wanted.get(id)
      if (yes === undefined) {
        yes = wantedTable(tables, id, filter, entry.at) !== null
        wanted.set(id, yes)
      }
      if (yes) count++
    }
  }
  return count
}

function splitBatch(parts: LogBatchParts, rows: number): LogBatch[] {
  const batches: LogBatch[] = []
  const waiting = [...parts.slices]
  while (waiting.length > 0) {
    const gather = new Gather(parts.tables, parts.filter, { maxRows: rows, maxBytes: Number.MAX_SAFE_INTEGER })
    let rest: LogSlice | undefined
    while (rest === undefined && waiting.length > 0) rest = gather.add(waiting.shift()!)
    if (rest !== undefined) waiting.unshift(rest)
    const { slices, count, lastOffset } = gather
    const last = waiting.length === 0
    batches.push(
      logBatch({
        ...parts,
        slices,
        count,
        cursor: last ? parts.cursor : parts.cursorAt(lastOffset),
        endsTransaction: last ? parts.endsTransaction : gather.endsTransaction,
      }),
    )
  }
  return batches
}
