import type { DuckDBValue } from '@duckdb/node-api'
import type { Column } from '../../runtime/contract.ts'
import { asBuffer } from '../../runtime/record/cells.ts'
import { booleanText } from '../../runtime/record/text.ts'
import { dateText, type Interval, intervalText, timestampText, timeText } from '../common/times.ts'
import { listText, numberText } from '../common/value-text.ts'
import type { Storage } from './storage.ts'

/** What to select of a column for `textOf`: text as its bytes, because the driver drops a byte order mark. */
export function exactly(storage: Storage, column: string): string {
  if (isText(storage)) return `encode(${column}::VARCHAR)`
  if (storage.kind === 'list' && isText(storage.element)) return `list_transform(${column}, x -> encode(x::VARCHAR))`
  return column
}

function isText({ kind }: Storage): boolean {
  return kind === 'varchar' || kind === 'json'
}

/** The database's text of a value selected `exactly`. */
export function textOf(column: Column, storage: Storage, value: DuckDBValue): string | null {
  if (value === null) return null
  switch (storage.kind) {
    case 'boolean':
      return booleanText(column.declared, value as boolean)
    case 'float32':
    case 'float64':
      return numberText(storage.kind, column.declared, value as number)
    case 'date':
      return dateText((value as { days: number }).days)
    case 'time':
      return timeText(Number((value as { micros: bigint }).micros))
    case 'timestamp':
    case 'timestamptz':
      return timestampText((value as { micros: bigint }).micros, storage.kind === 'timestamp' ? '' : '+00')
    case 'interval':
      return intervalText(value as unknown as Interval)
    case 'varchar':
    case 'json':
      return asBuffer((value as { bytes: Uint8Array }).bytes).toString()
    case 'blob':
      return `\\x${asBuffer((value as { bytes: Uint8Array }).bytes).toString('hex')}`
    case 'list':
      return listText(
        (value as { items: readonly DuckDBValue[] }).items.map(item => textOf(column, storage.element, item)),
      )
    default:
      return String(value)
  }
}
