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
import { Gather } from './gather.ts'
import { At, CHANGE_KINDS, EntryKind } from './layout.ts'
import { entries, wholeSlice } from './slice.ts'
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
    [Symbol.iterator]: () => changes(slices, tables, filter, cursorAt),
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
