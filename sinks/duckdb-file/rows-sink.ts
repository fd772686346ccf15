import type { DuckDBValue } from '@duckdb/node-api'
import { abortable } from '../../runtime/abort.ts'
import type { Column, SinkRow, Table } from '../../runtime/contract.ts'
import { isTailraceError } from '../../runtime/errors.ts'
import { keyFromTexts } from '../../runtime/record/key.ts'
import { RowPage } from '../../runtime/record/row-pages.ts'
import { type Database, quote } from './database.ts'
import { type Layout, OWN_STORAGE, Own, storageIn, tableName } from './layout.ts'
import type { Reader } from './reader.ts'
import { RowSet } from './row-set.ts'
import { DuckdbSink } from './sink.ts'
import { joinedByKey, selectRows } from './statements.ts'
import type { Storage } from './storage.ts'
import { exactly, textOf } from './text.ts'

/** What is read of a table: how its rows are told apart, and its columns that the database has. */
interface Shape {
  readonly layout: Layout
  readonly key: readonly Place[]
  readonly columns: readonly Place[]
}

interface Place {
  readonly column: Column
  readonly storage: Storage
  /** The value, in SQL. */
  readonly sql: string
}

/** Keeps the current rows, and shows them as the text they came as. Rows marked as deleted are not there. */
export class RowsSink extends DuckdbSink {
  async get(table: Table, keys: readonly Uint8Array[], signal: AbortSignal): Promise<(SinkRow | undefined)[]> {
    signal.throwIfAborted()
    const shape = await abortable(this.#shape(table), signal)
    if (shape === undefined || keys.length === 0) return keys.map(() => undefined)
    using reader = await this.database.reader(signal)
    return await this.#lookUp(shape, keys, reader)
  }

  async #lookUp(shape: Shape, keys: readonly Uint8Array[], reader: Reader): Promise<(SinkRow | undefined)[]> {
    try {
      return await this.#join(shape, keys, reader)
    } catch (error) {
      if (!isTooWide(error) || keys.length === 1) throw error
    }
    const found: (SinkRow | undefined)[] = []
    const size = keys.length > FEW_KEYS ? FEW_KEYS : 1
    for (let from = 0; from < keys.length; from += size)
      found.push(...(await this.#lookUp(shape, keys.slice(from, from + size), reader)))
    return found
  }

  async #join(shape: Shape, keys: readonly Uint8Array[], reader: Reader): Promise<(SinkRow | undefined)[]> {
    const found: (SinkRow | undefined)[] = keys.map(() => undefined)
    await this.database.feed.run(keySet(shape, keys), async from => {
      const place = `b.c${shape.key.length}`
      const sql = selectRows([place], sqlOf(shape.columns), joinedByKey(shape.layout, from), shape.layout)
      for await (const rows of reader.query(sql))
        for (const [place, ...values] of rows) {
          const key = keys[place as number]
          if (key !== undefined) found[place as number] = { key, cells: cellsOf(shape, values) }
        }
    })
    return found
  }

  /** All rows as of the call; of rows too wide to be walked, the keys as of the call. */
  async *rows(table: Table, signal: AbortSignal): AsyncGenerator<readonly SinkRow[]> {
    signal.throwIfAborted()
    const shape = await abortable(this.#shape(table), signal)
    if (shape === undefined) return
    try {
      yield* walk(this.database, shape, shape.columns, signal)
    } catch (error) {
      if (!isTooWide(error)) throw error
      using lookUps = await this.database.reader(signal)
      const page = new RowPage()
      for await (const found of walk(this.database, shape, [], signal)) {
        for (let from = 0; from < found.length; from += FEW_KEYS) {
          const keys = found.slice(from, from + FEW_KEYS).map(({ key }) => key)
          for (const row of await this.#lookUp(shape, keys, lookUps))
            if (row !== undefined && page.add(row)) yield page.take()
        }
      }
      if (!page.isEmpty) yield page.take()
    }
  }

  async #shape(table: Table): Promise<Shape | undefined> {
    const layout = await this.find(table)
    if (layout === undefined) return undefined
    const place = (column: Column, name: string, storage: Storage): Place => ({
      column,
      storage,
      sql: exactly(storage, `t.${quote(name)}`),
    })
    const places = table.columns.map(column => {
      const name = layout.columns.find(({ source }) => source === column.name)?.name
      return name === undefined ? undefined : place(column, name, storageIn(table, column, this.options))
    })
    const key = table.key.length === 0 ? OWN_KEY.map(own => place(...own)) : table.key.map(i => places[i]!)
    return { layout, key, columns: places.filter(one => one !== undefined) }
  }
}

/** DuckDB reads no more of a table than the rows it joins while these are at most so many. */
const FEW_KEYS = 40

/** DuckDB reads 2,048 rows at a time, whatever they take. */
function isTooWide(error: unknown): boolean {
  return isTailraceError(error) && error.code === 'SINK_MEMORY'
}

async function* walk(
  database: Database,
  shape: Shape,
  columns: readonly Place[],
  signal: AbortSignal,
): AsyncGenerator<readonly SinkRow[]> {
  const { layout, key } = shape
  const from = `${tableName(layout)} AS t`
  const sql = selectRows(sqlOf(key), sqlOf(columns), from, layout)
  const page = new RowPage()
  using reader = await database.reader(signal)
  for await (const rows of reader.walk(sql, selectRows(['count(*)'], [], from, layout)))
    for (const values of rows) if (page.add(rowOf({ ...shape, columns }, values))) yield page.take()
  if (!page.isEmpty) yield page.take()
}

const OWN_KEY = [Own.log, Own.version].map(
  name => [{ name, type: { kind: 'text' }, declared: 'text', nullable: false }, name, OWN_STORAGE[name]!] as const,
)

/** The keys and the place of each; those that the columns cannot hold are nobody's: their place is none. */
function keySet({ key }: Shape, keys: readonly Uint8Array[]): RowSet {
  const wanted = new RowSet([...key.map(({ storage }) => storage), { kind: 'int32' }])
  keys.forEach((cells, place) => {
    const isHeld = wanted.putCells(cells, 0, false) === -1
    wanted.putText(key.length, isHeld ? String(place) : '-1')
    wanted.endRow()
  })
  return wanted
}

function sqlOf(places: readonly Place[]): string[] {
  return places.map(({ sql }) => sql)
}

function textsOf(places: readonly Place[], values: readonly DuckDBValue[]): (string | null)[] {
  return places.map(({ column, storage }, i) => textOf(column, storage, values[i]!))
}

function rowOf(shape: Shape, values: readonly DuckDBValue[]): SinkRow {
  const keySize = shape.key.length
  const texts = textsOf(shape.key, values).map(text => text!)
  return { key: keyFromTexts(texts), cells: cellsOf(shape, values.slice(keySize)) }
}

function cellsOf({ columns }: Shape, values: readonly DuckDBValue[]): Map<string, string | null> {
  const texts = textsOf(columns, values)
  return new Map(columns.map(({ column }, i) => [column.name, texts[i]!]))
}
