import type { DuckDBType } from '@duckdb/node-api'
import type duckdb from '@duckdb/node-bindings'
import { asBuffer, cellEnd, contentAt, malformed } from '../../runtime/record/cells.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import type { Group } from '../common/groups.ts'
import { bufferOf } from './buffers.ts'
import type { ColumnBuffer } from './column-buffer.ts'
import type { Api, Bindings } from './driver.ts'
import type { Storage } from './storage.ts'

/** Rows that one statement applies. */
export type RowGroup = Group<RowSet>

/** Rows of one shape on their way into a statement, column by column. */
export class RowSet {
  readonly storages: readonly Storage[]
  readonly #columns: readonly ColumnBuffer[]
  rows = 0

  constructor(storages: readonly Storage[]) {
    this.storages = storages
    this.#columns = storages.map(bufferOf)
  }

  /** See ColumnBuffer. */
  get largeBytes(): number {
    return this.#columns.reduce((sum, { largeBytes }) => sum + largeBytes, 0)
  }

  /**
   * A row's cells, one behind the other, into the columns from `first` on; those that are absent get no column, or with
   * `withAbsent` NULL. Answers the place among the cells of one that its column cannot hold, -1 if there is none.
   */
  putCells(cells: Uint8Array, first: number, withAbsent: boolean): number {
    const bytes = asBuffer(cells)
    const { length } = bytes
    let column = first
    let place = 0
    let wrong = -1
    for (let at = 0; at < length; place++) {
      const end = cellEnd(bytes, at, length)
      const tag = bytes[at]
      if (tag === CellTag.text || tag === CellTag.bytes) {
        if (!this.#column(column++).add(bytes, contentAt(bytes, at), end, tag === CellTag.text)) wrong = place
      } else if (tag === CellTag.null || withAbsent) this.#column(column++).addNull()
      at = end
    }
    return wrong
  }

  putText(column: number, text: string | null): boolean {
    if (text === null) {
      this.#column(column).addNull()
      return true
    }
    return this.putBytes(column, Buffer.from(text))
  }

  /** The bytes of a text. */
  putBytes(column: number, bytes: Buffer): boolean {
    return this.#column(column).add(bytes, 0, bytes.length, true)
  }

  #column(column: number): ColumnBuffer {
    const buffer = this.#columns[column]
    if (buffer === undefined) throw malformed('a row with too many cells', 0)
    return buffer
  }

  endRow(): void {
    this.rows++
    for (const column of this.#columns) if (column.rows !== this.rows) throw malformed('a row with too few cells', 0)
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
