import type { Cursor, LogBatch, LoggedChange, LogSlice, Table } from '../../contract.ts'
import { changes, logBatch } from '../../record/batch.ts'
import { readU32LE } from '../../record/cells.ts'
import { At } from '../../record/layout.ts'
import type { LogRecord } from './key-index/packing.ts'

/** One stored record as a change. */
export function recordView(
  record: LogRecord,
  tableOf: (id: number) => Table | undefined,
  cursorAt: (offset: number) => Cursor,
): LoggedChange {
  const id = readU32LE(record.bytes, record.at + At.table)
  const table = tableOf(id)
  const tables = new Map(table === undefined ? [] : [[id, table]])
  return changes([sliceOf(record)], tables, undefined, cursorAt).next().value as LoggedChange
}

/** One stored record as a batch. */
export function recordBatch(
  record: LogRecord,
  tables: ReadonlyMap<number, Table>,
  cursor: Cursor,
  cursorAt: (offset: number) => Cursor,
): LogBatch {
  const slices = [sliceOf(record)]
  return logBatch({ slices, cursor, endsTransaction: true, gap: true, tables, filter: () => true, cursorAt, count: 1 })
}

function sliceOf({ bytes, from, at, to, base, appendTime: time }: LogRecord): LogSlice {
  return { bytes, from: at, to, transactionAt: from === at ? -1 : from, base, appendTime: BigInt(time) }
}
