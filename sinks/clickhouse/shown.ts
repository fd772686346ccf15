import type { Column } from '../../runtime/contract.ts'
import { RowBytes } from './row-bytes.ts'
import { rowsOf, textOf } from './row-values.ts'
import type { Storage } from './storage.ts'

/**
 * The text that the reader has of a value whose text in the log is this; undefined where that is the same text. What the
 * type does not hold stays as it is: its row was refused.
 */
export function shownOf(column: Column, storage: Storage): ((text: string) => string) | undefined {
  if (storage.kind === 'text') return undefined
  const forms = [{ storage, isNullable: false }]
  const bytes = new RowBytes(forms)
  return text => {
    bytes.back(0)
    if (!bytes.putText(0, text)) return text
    const [[value]] = [...rowsOf(bytes.bytes, forms)] as [[Buffer]]
    return textOf(column, storage, value)
  }
}
