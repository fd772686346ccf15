import {
  DuckDBDataChunk,
  DuckDBDecimalValue,
  DuckDBTimestampTZValue,
  type DuckDBType,
  type DuckDBValue,
} from '@duckdb/node-api'
import { timestampOf } from '../../../sinks/common/times.ts'
import { storageOf } from '../../../sinks/duckdb-file/storage.ts'
import { orders } from './order-rows.ts'

/** Rows of orders as DuckDB's driver takes them. */

const VECTOR = 2048

export const orderStorages = orders.columns.map(each => storageOf(each, false))

/** By column. */
export function orderValues(rows: readonly (string | null)[][]): DuckDBValue[][] {
  return orderStorages.map((storage, column) =>
    rows.map(cells => {
      const text = cells[column] ?? null
      if (text === null) return null
      if (storage.kind === 'int64') return BigInt(text)
      if (storage.kind === 'int32') return Number(text)
      if (storage.kind === 'decimal') return new DuckDBDecimalValue(BigInt(text.replace('.', '')), 12, 2)
      if (storage.kind === 'timestamptz') return new DuckDBTimestampTZValue(timestampOf(text)!)
      return storage.kind === 'boolean' ? text === 't' : text
    }),
  )
}

export function* chunksOf(values: readonly DuckDBValue[][], types: DuckDBType[]): Generator<DuckDBDataChunk> {
  const count = values[0]!.length
  for (let from = 0; from < count; from += VECTOR) {
    const chunk = DuckDBDataChunk.create(types, Math.min(VECTOR, count - from))
    chunk.setColumns(values.map(each => each.slice(from, from + VECTOR)))
    yield chunk
  }
}
