import { createHash } from 'node:crypto'
import { type Cell, keyLabel, type Row, type Rows } from './rows.ts'

/** Two sets of rows, every column of every row by key. */

export interface Difference {
  /** `order_id=17, line=2` */
  readonly key: string
  readonly kind: 'missing' | 'extra' | 'changed' | 'repeated'
  /** Of a changed row: the columns that differ. */
  readonly columns: readonly string[]
}

/** What a sink's rows are not as they are at the source. Empty: equal. */
export function compareRows(source: Rows, sink: Rows): Difference[] {
  const { shape } = source
  const differences: Difference[] = []
  const found = (key: string, kind: Difference['kind'], columns: readonly string[] = []): void => {
    differences.push({ key: keyLabel(shape, key), kind, columns })
  }
  for (const [key, row] of source.byKey) {
    const other = sink.byKey.get(key)
    if (other === undefined) found(key, 'missing')
    else {
      const columns = shape.columns.filter((_, i) => row[i] !== other[i]).map(column => column.name)
      if (columns.length > 0) found(key, 'changed', columns)
    }
  }
  for (const key of sink.byKey.keys()) if (!source.byKey.has(key)) found(key, 'extra')
  for (const key of sink.repeated) found(key, 'repeated')
  return differences
}

/** SHA-256 over all rows in the order of their keys, in hexadecimal. Equal rows, equal digest. */
export function digestRows(rows: Rows): string {
  const hash = createHash('sha256')
  for (const key of [...rows.byKey.keys()].sort()) hash.update(rowBytes(rows.byKey.get(key)!))
  return hash.digest('hex')
}

function rowBytes(row: Row): string {
  return `${JSON.stringify(row.map(cellMark))}\n`
}

/** A text, null, or 0 for a cell that is not there. */
function cellMark(cell: Cell): string | null | number {
  return cell === undefined ? 0 : cell
}
