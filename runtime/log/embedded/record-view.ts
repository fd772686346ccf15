import type { Cursor, LoggedChange, Table } from '../../contract.ts'
import { changes } from '../../record/batch.ts'
import { readU32LE } from '../../record/cells.ts'
import { At } from '../../record/layout.ts'
import type { LogRecord } from './key-index/packing.ts'

/** One stored record as a change. */
export function recordView(
  { bytes, from, at, to, base, appendTime: time }: LogRecord,
  tableOf: (id: number) => Table | undefined,
  cursorAt: (offset: number) => Cursor,
): LoggedChange {
  const id = readU32LE(bytes, at + At.table)
  const table = tableOf(id)
  const transactionAt = from === at ? -1 : from
  const slice = { bytes, from: at, to, transactionAt, base, appendTime: BigInt(time) }
  const tables = new Map(table === undefined ? [] : [[id, table]])
  return changes([slice], tables, undefined, cursorAt).next().value as LoggedChange
}
