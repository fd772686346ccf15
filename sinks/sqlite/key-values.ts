import type { SQLInputValue } from 'node:sqlite'
import type { Table } from '../../runtime/contract.ts'
import { keyTexts } from '../../runtime/record/key.ts'
import type { LayoutColumn } from './layout.ts'
import { converterOf } from './values.ts'

/** What the key's columns hold in the database, from a canonical key. */
export type KeyValues = (key: Uint8Array) => SQLInputValue[]

/** `columns`: how those of the table stand; the key's must be there. */
export function keyValuesOf(table: Table, columns: readonly (LayoutColumn | undefined)[]): KeyValues {
  if (table.key.length === 0)
    return key => {
      const [log, version] = keyTexts(key)
      return [log!, BigInt(version!)]
    }
  const converters = table.key.map(i => converterOf(table.columns[i]!, columns[i]!.storage))
  return key => keyTexts(key).map((text, i) => converters[i]?.(text) ?? text)
}
