import type { Column, Table } from '../../runtime/contract.ts'
import type { ColumnRule } from '../common/mask.ts'
import type { LeafFile } from './catalog-rows.ts'

/** What a table is now, before it has a number. */
export interface Definition {
  readonly schema: string
  readonly table: string
  readonly oid: number
  readonly appendOnly: boolean
  /** As in Table. */
  readonly routed: boolean
  /** Attribute numbers, in key order. */
  readonly key: readonly number[]
  /** As the server sends them. */
  readonly columns: readonly DefinedColumn[]
  readonly files: readonly LeafFile[]
}

export interface DefinedColumn {
  /** `attnum` 0: not in the catalog any more. */
  readonly attribute: {
    readonly attnum: number
    readonly typeOid: number
    readonly typmod: number
    readonly hasMissing: boolean
    readonly hasDefault: boolean
  }
  readonly rule: ColumnRule
  /** Before its mask. */
  readonly column: Column
}

/** What `Table.origin` holds, as JSON. */
export interface Origin {
  readonly oid: number
  /** Every column that the server sent: number, name, type, modifier. */
  readonly attributes: readonly (readonly [number, string, number, number])[]
  readonly key: readonly number[]
  readonly files: readonly LeafFile[]
  /** Differs where another mask key made the hashes; null without hashes. */
  readonly mask: string | null
  /** Differs where the table was read from another database since, whose numbers mean something else. */
  readonly catalog?: string
  /** Why rows of versions before it are not as the log has them: they must be read again. */
  readonly stale?: string
}

/** The server's numbers for it and for its columns mean the same in both. */
export function isSameRelation(a: Origin, b: Origin): boolean {
  return relationOf(a) === relationOf(b)
}

/** A text that is the same for all versions of one relation, under whatever name. */
export function relationOf({ oid, catalog = '' }: Origin): string {
  return `${oid} ${catalog}`
}

export function originOf(table: Table): Origin {
  return JSON.parse(table.origin) as Origin
}
