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
import { malformed } from './cells.ts'
import { At, CHANGE_KINDS, EntryKind, HEADER, KNOWN_FLAGS, LONG } from './layout.ts'
import { asBuffer, RecordView } from './view.ts'

/** A source's batch over finished bytes (record/writer.ts). */
export function sourceBatch(
  bytes: Uint8Array,
  entries: number,
  count: number,
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
    tables,
    registry,
    endAt,
    [Symbol.iterator]: (): Iterator<ChangeView> => changes(slices, registry, undefined, noCursor),
  }
  return end === undefined ? batch : { ...batch, end }
}

/** All entries of a chunk. */
export function wholeSlice(bytes: Uint8Array, base: number, appendTime: bigint): LogSlice {
  return { bytes, from: 0, to: bytes.length, transactionAt: -1, base, appendTime }
}

/**
 * The part of a slice behind the entry at `offset`; undefined if nothing is left. Walks the headers up to there.
 */
export function sliceAfter(slice: LogSlice, offset: number): LogSlice | undefined {
  const bytes = asBuffer(slice.bytes)
  let { transactionAt } = slice
  for (const entry of entries(slice)) {
    if (slice.base + bytes.readUInt32LE(entry.at + At.delta) > offset)
      return { ...slice, from: entry.at, transactionAt }
    if (entry.kind === EntryKind.transaction) transactionAt = entry.at
  }
  return undefined
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
    [Symbol.iterator]: () => changes(slices, tables, filter, cursorAt),
  }
}

/** The length of the entry at `at`, checked against `end`. */
export function entryLength(bytes: Buffer, at: number, end: number): number {
  if (at + HEADER > end) throw malformed('a cut entry', at)
  const short = bytes.readUInt32LE(at + At.length)
  if (short === LONG && at + HEADER + 8 > end) throw malformed('a cut entry', at)
  const length = short === LONG ? Number(bytes.readBigUInt64LE(at + HEADER)) : short
  if (length < HEADER || at + length > end) throw malformed('a cut entry', at)
  return length
}

/** Every entry of a slice, header checked: its position, its end and its kind byte. The object is reused. */
export function* entries(slice: LogSlice): Generator<{ at: number; end: number; kind: number }> {
  const bytes = asBuffer(slice.bytes)
  const entry = { at: 0, end: 0, kind: 0 }
  for (let at = slice.from; at < slice.to; at = entry.end) {
    entry.at = at
    entry.end = at + entryLength(bytes, at, slice.to)
    entry.kind = bytes[at + At.kind]!
    if ((bytes[at + At.flags]! & ~KNOWN_FLAGS) !== 0) throw malformed('an unknown flag', at)
    yield entry
  }
}

/** Changes of the tables that pass the filter, through one reused view. */
export function* changes(
  slices: readonly LogSlice[],
  tables: ReadonlyMap<number, Table>,
  filter: TableFilter | undefined,
  cursorAt: (offset: number) => Cursor,
): Generator<LoggedChange> {
  const view = new RecordView(cursorAt)
  const wanted = new Map<number, Table | null>()
  for (const slice of slices) {
    view.slice(slice)
    for (const entry of entries(slice)) {
      const kind = CHANGE_KINDS.get(entry.kind)
      if (kind === undefined) {
        if (entry.kind === EntryKind.transaction) view.transactionHeader(entry.at)
        else if (entry.kind !== EntryKind.unitEnd && entry.kind !== EntryKind.heartbeat)
          throw malformed(`an unknown kind of entry ${entry.kind}`, entry.at)
        continue
      }
      const id = view.tableId(entry.at)
      let table = wanted.get(id)
      if (table === undefined) {
        table = wantedTable(tables, id, filter, entry.at)
        wanted.set(id, table)
      }
      if (table === null) continue
      view.move(kind, table, entry.at, entry.end)
      yield view
    }
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
