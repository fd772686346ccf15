/** Rows of the package `@vlasky/zongji` as records of the log. */
import type { DeleteRowsEvent, RowData, UpdateRowsEvent, WriteRowsEvent } from '@vlasky/zongji'
import type { Table } from '../../../runtime/contract.ts'
import { encodeCells } from '../../../runtime/record/cells.ts'
import { keyFromTexts } from '../../../runtime/record/key.ts'
import type { Tuple } from '../../../runtime/record/tuple.ts'
import type { BatchWriter } from '../../../runtime/record/writer.ts'
import { zongjiText } from './zongji-values.ts'

type Texts = readonly (string | null | undefined)[]

export function writeInserts(writer: BatchWriter, table: Table, { rows }: Pick<WriteRowsEvent, 'rows'>): void {
  for (const row of rows) writer.row('c', table, tuple(texts(table, row)))
}

export function writeDeletes(writer: BatchWriter, table: Table, { rows }: Pick<DeleteRowsEvent, 'rows'>): void {
  for (const row of rows) writer.delete(table, tuple(texts(table, row)), true)
}

/** An update of the key is the pair that the contract asks for. */
export function writeUpdates(writer: BatchWriter, table: Table, { rows }: Pick<UpdateRowsEvent, 'rows'>): void {
  for (const { before, after } of rows) {
    const [old, next] = [texts(table, before), texts(table, after)]
    const [oldKey, newKey] = [keyOf(table, old), keyOf(table, next)]
    if (Buffer.compare(oldKey, newKey) === 0) writer.row('u', table, tuple(next), tuple(old))
    else {
      writer.delete(table, tuple(old), true, newKey)
      writer.row('u', table, tuple(next), undefined, oldKey)
    }
  }
}

function texts({ columns }: Table, row: RowData): Texts {
  return columns.map(column => zongjiText(row[column.name], column))
}

function keyOf(table: Table, row: Texts): Uint8Array {
  return keyFromTexts(table.key.map(i => row[i] ?? ''))
}

function tuple(row: Texts): Tuple {
  const bytes = encodeCells(row)
  return { bytes, at: 0, end: bytes.length }
}
