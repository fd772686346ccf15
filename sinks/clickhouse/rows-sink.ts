import type { Column, SinkRow, Table } from '../../runtime/contract.ts'
import { keyFromTexts } from '../../runtime/record/key.ts'
import { RowPage } from '../../runtime/record/row-pages.ts'
import type { Held } from './catalog.ts'
import { KeyBytes } from './keys.ts'
import type { LayoutColumn } from './layout.ts'
import { allRows, type FoundRow, keyForms, rowsByKeys, type Shape, shapeOf } from './reader.ts'
import { textOf } from './row-values.ts'
import { ClickhouseSink } from './sink.ts'

/** A table as it is read: columns of the source with those of the target, of which some may not be there yet. */
interface Reading {
  readonly table: Table
  readonly columns: readonly { readonly column: Column; readonly held: LayoutColumn }[]
  readonly shape: Shape
}

/** Keeps the current rows, and shows them as the text they came as. Rows marked as deleted are not there. */
export class RowsSink extends ClickhouseSink {
  async get(table: Table, keys: readonly Uint8Array[], signal: AbortSignal): Promise<(SinkRow | undefined)[]> {
    signal.throwIfAborted()
    const rows: (SinkRow | undefined)[] = keys.map(() => undefined)
    const reading = this.#reading(table)
    if (reading === undefined) return rows
    const encoded = new KeyBytes(keyForms(reading.shape.held))
    const wanted = new Map<string, { readonly key: Buffer; readonly places: number[] }>()
    keys.forEach((each, i) => {
      const key = encoded.of(each)
      if (key === undefined) return
      const name = key.toString('latin1')
      const { places } = wanted.get(name) ?? { places: [] }
      wanted.set(name, { key, places: [...places, i] })
    })
    const inBytes = Array.from(wanted.values(), ({ key }) => key)
    for await (const group of rowsByKeys(this.parts.client, reading.shape, inBytes, signal))
      for (const row of group) {
        const cells = cellsOf(reading, row)
        for (const place of wanted.get(row.key.toString('latin1'))!.places) rows[place] = { key: keys[place]!, cells }
      }
    return rows
  }

  async *rows(table: Table, signal: AbortSignal): AsyncGenerator<readonly SinkRow[]> {
    signal.throwIfAborted()
    const reading = this.#reading(table)
    if (reading === undefined) return
    const page = new RowPage()
    for await (const group of allRows(this.parts.client, reading.shape, signal))
      for (const row of group) {
        signal.throwIfAborted()
        if (page.add({ key: keyOf(reading, row), cells: cellsOf(reading, row) })) yield page.take()
      }
    if (!page.isEmpty) yield page.take()
  }

  #reading(table: Table): Reading | undefined {
    const { catalog, options } = this.parts
    const held: Held | undefined = catalog.find(table)
    if (held === undefined) return undefined
    const columns = table.columns.flatMap(column => {
      const found = held.layout.columns.find(({ source }) => source === column.name)
      return found === undefined ? [] : { column, held: found }
    })
    const shape = shapeOf(
      held,
      columns.map(each => each.held),
      options,
    )
    return { table, columns, shape }
  }
}

function keyOf({ table, shape }: Reading, { keyValues }: FoundRow): Uint8Array {
  const columns = table.key.length === 0 ? OWN_KEY : table.key.map(i => table.columns[i]!)
  return keyFromTexts(keyValues.map((value, i) => textOf(columns[i]!, shape.key[i]!.storage, value!)))
}

const OWN_KEY: readonly Column[] = ['log', 'version'].map(name => ({
  name,
  type: { kind: 'text' },
  declared: 'text',
  nullable: false,
}))

function cellsOf({ columns }: Reading, { values }: FoundRow): Map<string, string | null> {
  return new Map(
    columns.map(({ column, held }, i) => {
      const value = values[i]
      return [column.name, value === undefined ? null : textOf(column, held.storage, value)]
    }),
  )
}
