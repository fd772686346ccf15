import type { ShopTable } from './shop.ts'

/** Rows as the comparison sees them: every value as the text that PostgreSQL prints, in the source's column order. */

export interface ColumnShape {
  readonly name: string
  /** As PostgreSQL names it: `timestamp with time zone`. */
  readonly type: string
}

export interface TableShape {
  readonly table: ShopTable
  readonly columns: readonly ColumnShape[]
  /** Places of the key's columns in `columns`. */
  readonly key: readonly number[]
}

/** `undefined`: the sink has no such cell. */
export type Cell = string | null | undefined
export type Row = readonly Cell[]

/** The rows of one table by key. `repeated`: keys that were met more than once. */
export class Rows {
  readonly shape: TableShape
  readonly byKey = new Map<string, Row>()
  readonly repeated = new Set<string>()

  constructor(shape: TableShape) {
    this.shape = shape
  }

  /** `key`: under which the row is found, where that is stored beside it. */
  add(row: Row, key: readonly Cell[] = this.shape.key.map(column => row[column])): void {
    const name = JSON.stringify(key.map(cell => cell ?? null))
    if (this.byKey.has(name)) this.repeated.add(name)
    this.byKey.set(name, row)
  }
}

/** A key for people: `order_id=17, line=2`. */
export function keyLabel(shape: TableShape, key: string): string {
  const texts = JSON.parse(key) as (string | null)[]
  return shape.key.map((column, i) => `${shape.columns[column]!.name}=${texts[i]}`).join(', ')
}
