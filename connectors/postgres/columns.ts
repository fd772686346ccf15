import type { Tuple } from '../../runtime/record/writer.ts'
import type { Scratch } from './rows.ts'

export type ColumnRule = 'keep' | 'exclude' | 'hash' | 'redact' | 'null'

/** How a tuple as the server sends it becomes a tuple of the Table. */
export interface RowPlan {
  /** The tuple may be taken as it is. */
  readonly identity: boolean
  /** One per column as the server sends them. */
  readonly rules: readonly ColumnRule[]
  /** The database does not check its text (SQL_ASCII): cells that are not UTF-8 are tagged as bytes. */
  readonly checkText: boolean
  /** Of the hash; present if a rule is `hash`. */
  readonly maskKey: string | undefined
}

/**
 * The server's tuple (cells in pgoutput's form, `at` behind the column count) as a tuple of the Table. Unchanged cells
 * stay unchanged. The answer may lie in `bytes` or in `scratch`: valid until either is written again.
 */
export function applyPlan(_plan: RowPlan, _bytes: Uint8Array, _at: number, _end: number, _scratch: Scratch): Tuple {
  throw new Error('not built yet')
}
