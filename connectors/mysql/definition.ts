import type { Column, Table } from '../../runtime/contract.ts'
import type { ColumnRule } from '../common/mask.ts'
import { logicalTypeOf } from './values/logical-type.ts'

/** What a table is at one place of the binary log, before it has a number. */
export interface Definition {
  readonly schema: string
  readonly table: string
  readonly appendOnly: boolean
  /** As in Table. */
  readonly routed: boolean
  /** As the rows have them. */
  readonly columns: readonly DefinedColumn[]
  /** Names, in key order. */
  readonly key: readonly string[]
}

export interface DefinedColumn {
  /** Before its mask. */
  readonly column: Column
  readonly rule: ColumnRule
  /** Character set of its text, at the server; undefined for what is no text. */
  readonly charset: string | undefined
  /** Rows from before it was added have NULL in it; else, or where nobody knows, some other value. */
  readonly isAddedNull: boolean
  /** Generated, and left out of images that are not whole, whether it changed or not: so does MariaDB, if VIRTUAL. */
  readonly isLeftOut: boolean
}

/** What `Table.origin` holds, as JSON. */
export interface Origin {
  /** Every column of the rows. */
  readonly columns: readonly OriginColumn[]
  readonly key: readonly string[]
  /** Differs where another mask key made the hashes; null without hashes. */
  readonly mask: string | null
  /** Why rows of versions before it are not as the log has them: they must be read again. */
  readonly stale?: string
}

export type OriginColumn = readonly [name: string, declared: string, nullable: boolean, charset: string | null]

export function originOf(table: Pick<Table, 'origin'>): Origin {
  return JSON.parse(table.origin) as Origin
}

/** What the version was made of. `rules`: of its columns, which must be those that it was made with. `now`: of today. */
export function definitionOf(table: Table, rules: readonly ColumnRule[], now: Definition): Definition {
  const { columns, key } = originOf(table)
  return {
    schema: table.schema,
    table: table.table,
    appendOnly: table.appendOnly,
    routed: table.routed === true,
    key,
    columns: columns.map(([name, declared, nullable, charset], i) => ({
      column: { name, type: logicalTypeOf(declared), declared, nullable },
      rule: rules[i]!,
      charset: charset ?? undefined,
      isAddedNull: false,
      isLeftOut: now.columns.some(({ column, isLeftOut }) => isLeftOut && column.name === name),
    })),
  }
}

/** Rows of versions before this one must be read again. */
export function isMarkedStale(table: Pick<Table, 'origin'>): boolean {
  return originOf(table).stale !== undefined
}
