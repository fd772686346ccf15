import type { SinkRow, Table } from '../../runtime/contract.ts'
import { keyFromTexts } from '../../runtime/record/key.ts'
import { RowPage } from '../../runtime/record/row-pages.ts'
import type { Connection } from './connection.ts'
import { columnsOf, type Layout, type LayoutColumn, quote, rowKey } from './layout.ts'
import type { Readers } from './readers.ts'
import { RowTexts } from './row-texts.ts'
import { isValueFault } from './server-error.ts'
import { selectByKey, selectPage } from './statements.ts'
import { isText } from './storage.ts'
import { textOfStored } from './stored-text.ts'
import { TextArray } from './text-arrays.ts'
import { arraysOf } from './writer.ts'

/** Rows of a page at first, and at most, and what a page should hold. */
const FIRST_ROWS = 50
const MOST_ROWS = 5000
const WISHED_BYTES = 1024 * 1024
/** An answer with more than this is cut off behind its last row. */
const MOST_BYTES = 8 * 1024 * 1024

type Texts = readonly (string | null)[]

/** What is read of a table: the columns of its key, then those of this version that the database has. */
interface Shape {
  readonly layout: Layout
  readonly key: readonly LayoutColumn[]
  readonly columns: readonly { readonly name: string; readonly column: LayoutColumn }[]
}

function shapeOf(layout: Layout, table: Table): Shape {
  const places = columnsOf(layout, table) as readonly (LayoutColumn | undefined)[]
  const columns = table.columns.flatMap(({ name }, i) => (places[i] === undefined ? [] : { name, column: places[i] }))
  return { layout, key: rowKey(layout), columns }
}

function valuesOf({ key, columns }: Shape): string[] {
  return [...key, ...columns.map(({ column }) => column)].map(({ name }) => `t.${quote(name)}`)
}

/** Rows under these keys, in their order. */
export async function rowsByKeys(
  connection: Connection,
  layout: Layout,
  table: Table,
  keys: readonly Uint8Array[],
): Promise<(SinkRow | undefined)[]> {
  const found: (SinkRow | undefined)[] = keys.map(() => undefined)
  const shape = shapeOf(layout, table)
  await lookUp(connection, shape, keys, 0, found)
  return found
}

/** A key that the columns cannot hold is nobody's; so that it can be told from others they are asked for in halves. */
async function lookUp(
  connection: Connection,
  shape: Shape,
  keys: readonly Uint8Array[],
  first: number,
  found: (SinkRow | undefined)[],
): Promise<void> {
  const { layout, key } = shape
  const texts = new RowTexts(key, { kind: 'remove' }, '')
  const arrays = arraysOf(
    texts,
    keys.map(cells => ({ cells, index: 0, version: 0n })),
  )
  const places = new TextArray(8 * keys.length)
  for (const i of keys.keys()) places.addText(String(i))
  const parameters = [...arrays, places.done()].map(parameter => parameter.subarray(4))
  try {
    await connection.each(selectByKey(layout, valuesOf(shape)), parameters, ([place, ...row]) => {
      const at = Number(place)
      found[first + at] = { ...rowOf(shape, row), key: keys[at]! }
      return true
    })
  } catch (error) {
    if (!isValueFault(error)) throw error
    if (keys.length === 1) return
    const middle = keys.length >>> 1
    await lookUp(connection, shape, keys.slice(0, middle), first, found)
    await lookUp(connection, shape, keys.slice(middle), first + middle, found)
  }
}

/** All rows in the order of their keys, in pages of about a megabyte. */
export async function* walkRows(
  readers: Readers,
  layout: Layout,
  table: Table,
  signal: AbortSignal,
): AsyncGenerator<readonly SinkRow[]> {
  const shape = shapeOf(layout, table)
  let last: Texts | undefined
  for (let count = FIRST_ROWS; ; ) {
    const rows: Texts[] = []
    let bytes = 0
    const text = selectPage(layout, valuesOf(shape), last !== undefined, count)
    const isWhole = await readers.use(signal, connection =>
      connection.each(text, last ?? [], row => {
        rows.push(row)
        for (const value of row) bytes += value?.length ?? 0
        return bytes < MOST_BYTES
      }),
    )
    yield* pagesOf(rows.map(row => rowOf(shape, row)))
    if (isWhole && rows.length < count) return
    last = rows.at(-1)!.slice(0, shape.key.length)
    const fitting = Math.floor((WISHED_BYTES * rows.length) / Math.max(1, bytes))
    count = Math.max(1, Math.min(MOST_ROWS, 4 * count, fitting))
  }
}

function* pagesOf(rows: readonly SinkRow[]): Generator<SinkRow[]> {
  const page = new RowPage()
  for (const row of rows) if (page.add(row)) yield page.take()
  if (!page.isEmpty) yield page.take()
}

function rowOf({ key, columns }: Shape, values: Texts): SinkRow {
  const texts = key.map((column, i) => textIn(column, values[i]!)!)
  const cells = columns.map(({ name, column }, i) => [name, textIn(column, values[key.length + i]!)] as const)
  return { key: keyFromTexts(texts), cells: new Map(cells) }
}

function textIn({ storage }: LayoutColumn, value: string | null): string | null {
  return value !== null && isText(storage) ? textOfStored(value) : value
}
