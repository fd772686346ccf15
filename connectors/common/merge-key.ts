import type { Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'

/** Throws LOAD_KEYLESS: nobody could tell a row that was read from one that the stream brought. */
export function requireMergeKey(table: Table): void {
  if (table.key.length > 0) return
  throw new TailraceError(
    'LOAD_KEYLESS',
    'stop',
    `Rows of ${table.name} have no key: beside the stream they cannot be read.`,
    {
      hint: 'A table without a key is read only by the first load of its source. Give it a primary key, or a new source.',
    },
  )
}
