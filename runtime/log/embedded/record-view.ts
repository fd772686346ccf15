import type { Cursor, LoggedChange, Table } from '../../contract.ts'
import { changes } from '../../record/batch.ts'
import { asBuffer, readU32LE } from '../../record/cells.ts'
import { At } from '../../record/layout.ts'
import type { LogRecord } from './key-index/records.ts'

/** One stored record as a change. */
export function recordView(
  { bytes, at, base, appendTime }: LogRecord,
  tableOf: (id: number) => Table | undefined,
  cursorAt: (offset: number) => Cursor,
): LoggedChange {
  const id = readU32LE(bytes, at + At.table)
  const table = tableOf(id)
  const slice = {
    bytes: asBuffer(bytes),
    from: at,
    to: bytes.length,
    transactionAt: at === 0 ? -1 : 0,
    base,
    appendTime,
  }
  const tables = new Map(table === undefined ? [] : [[id, table]])
  return changes([slice], tables, undefined, cursorAt).next().value as LoggedChange
}
