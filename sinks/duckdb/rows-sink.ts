import type { DuckDBValue } from '@duckdb/node-api'
import type { SinkRow, Table } from '../../runtime/contract.ts'
import { keyFromTexts } from '../../runtime/record/key.ts'
import { quote } from './database.ts'
import { type Layout, namesOf, Own, storageIn, tableName } from './layout.ts'
import { RowSet } from './row-set.ts'
import { DuckdbSink } from './sink.ts'
import { joinedByKey, selectRows } from './statements.ts'
import { exactly, textOf } from './text.ts'

/** What tells the rows of a table without a key apart. */
const OWN_KEY = [Own.log, Own.version]

/** Keeps the current rows, and can show them as the text they came as. Rows marked as deleted are not there. */
export class RowsSink extends DuckdbSink {
  async get(table: Table, keys: readonly Uint8Array[], signal: AbortSignal): Promise<(SinkRow | undefined)[]> {
    const found: (SinkRow | undefined)[] = keys.map(() => undefined)
    const layout = await this.layoutOf(table, signal)
    if (layout === undefined || layout.key.length === 0) return found
    const wanted = new RowSet([...table.key.map(i => this.#storage(table, i)), { kind: 'int32' }])
    keys.forEach((key, place) => {
      // A key that the columns cannot hold is nobody's: its place is none.
      const isHeld = wanted.putCells(key, 0, false) === -1
      wanted.putText(table.key.length, isHeld ? String(place) : '-1')
      wanted.endRow()
    })
    const rows = await this.database.exclusive(() =>
      this.database.feed.run(wanted, rows => {
        const place = `b.c${layout.key.length}`
        return this.database.query(selectRows([place], this.#exact(layout, table), joinedByKey(layout, rows), layout))
      }),
    )
    for (const row of rows) {
      const [place, ...values] = Object.values(row)
      const key = keys[place as number]
      if (key !== undefined) found[place as number] = { key, cells: this.#cells(table, values) }
    }
    return found
  }

  /** All rows as of the call; what is written meanwhile is not seen. */
  async *rows(table: Table, signal: AbortSignal): AsyncGenerator<readonly SinkRow[]> {
    const layout = await this.layoutOf(table, signal)
    if (layout === undefined) return
    const reader = await this.database.reader()
    try {
      const columns = this.#exact(layout, table)
      const key = table.key.length === 0 ? OWN_KEY.map(name => `t.${quote(name)}`) : table.key.map(i => columns[i]!)
      const sql = selectRows(key, columns, `${tableName(layout)} AS t`, layout)
      for await (const page of (await reader.stream(sql)).yieldRows()) {
        signal.throwIfAborted()
        yield page.map(values => this.#row(table, values))
      }
    } finally {
      reader.closeSync()
    }
  }

  #exact(layout: Layout, table: Table): string[] {
    return namesOf(layout, table).map((name, i) => exactly(this.#storage(table, i), `t.${quote(name)}`))
  }

  #row(table: Table, values: readonly DuckDBValue[]): SinkRow {
    const { columns, key } = table
    const keySize = key.length === 0 ? OWN_KEY.length : key.length
    const texts =
      key.length === 0
        ? values.slice(0, keySize).map(String)
        : key.map((column, i) => textOf(columns[column]!, this.#storage(table, column), values[i]!)!)
    return { key: keyFromTexts(texts), cells: this.#cells(table, values.slice(keySize)) }
  }

  #cells(table: Table, values: readonly DuckDBValue[]): Map<string, string | null> {
    return new Map(table.columns.map((column, i) => [column.name, textOf(column, this.#storage(table, i), values[i]!)]))
  }

  #storage(table: Table, column: number) {
    return storageIn(table, table.columns[column]!, this.options)
  }
}
