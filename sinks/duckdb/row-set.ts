import type { DuckDBType } from '@duckdb/node-api'
import type duckdb from '@duckdb/node-bindings'
import { asBuffer, cellEnd, contentAt } from '../../runtime/record/cells.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import { bufferOf, type ColumnBuffer } from './buffers.ts'
import type { Api, Bindings } from './driver.ts'
import type { Storage } from './storage.ts'

/** Rows of one shape on their way into a statement, column by column. */
export class RowSet {
  readonly storages: readonly Storage[]
  readonly #columns: readonly ColumnBuffer[]
  rows = 0

  constructor(storages: readonly Storage[]) {
    this.storages = storages
    this.#columns = storages.map(bufferOf)
  }

  /** The next column's value of the row begun. False if the column's type has no such value. */
  put(column: number, tag: CellTag, cell: Uint8Array): boolean {
    const buffer = this.#columns[column]!
    if (tag === CellTag.text) return buffer.add(cell, 'text')
    if (tag === CellTag.bytes) return buffer.add(cell, 'bytes')
    buffer.addNull()
    return true
  }

  putText(column: number, text: string | null): boolean {
    return text === null ? this.put(column, CellTag.null, NOTHING) : this.put(column, CellTag.text, Buffer.from(text))
  }

  endRow(): void {
    this.rows++
  }

  /** Copies rows into a chunk; answers how many. */
  fill(bindings: Bindings, chunk: duckdb.DataChunk, from: number, most: number): number {
    const count = Math.min(most, this.rows - from)
    bindings.data_chunk_set_size(chunk, count)
    if (count > 0)
      this.#columns.forEach((column, i) => {
        column.fill(bindings, bindings.data_chunk_get_vector(chunk, i), from, count)
      })
    return count
  }
}

const NOTHING = new Uint8Array(0)

/** The cells of a canonical key, in key order. */
export function keyCells(key: Uint8Array): { readonly tag: CellTag; readonly cell: Uint8Array }[] {
  const bytes = asBuffer(key)
  const cells: { tag: CellTag; cell: Uint8Array }[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = cellEnd(bytes, at, bytes.length)
    cells.push({ tag: bytes[at] as CellTag, cell: bytes.subarray(contentAt(bytes, at), end) })
    at = end
  }
  return cells
}

export function driverType(api: Api, storage: Storage): DuckDBType {
  switch (storage.kind) {
    case 'boolean':
      return api.BOOLEAN
    case 'int16':
      return api.SMALLINT
    case 'int32':
      return api.INTEGER
    case 'int64':
      return api.BIGINT
    case 'uint64':
      return api.UBIGINT
    case 'float32':
      return api.FLOAT
    case 'float64':
      return api.DOUBLE
    case 'decimal':
      return api.DECIMAL(storage.width, storage.scale)
    case 'date':
      return api.DATE
    case 'time':
      return api.TIME
    case 'timestamp':
      return api.TIMESTAMP
    case 'timestamptz':
      return api.TIMESTAMPTZ
    case 'interval':
      return api.INTERVAL
    case 'uuid':
      return api.UUID
    case 'blob':
      return api.BLOB
    case 'varchar':
      return api.VARCHAR
    case 'json':
      return api.DuckDBVarCharType.create('JSON')
    case 'list':
      return api.LIST(driverType(api, storage.element))
  }
}
