import type { Table } from '../contract.ts'
import { isExact, matchesTable, parsePattern } from '../select.ts'

/** What a sink declares of what reaches it, as the configuration has it. Tables by full name or pattern. */
export interface ShapeOptions {
  /** Conditions. */
  readonly where: Readonly<Record<string, string>> | undefined
  readonly fields: Readonly<Record<string, readonly FieldOption[]>> | undefined
  /** What becomes of columns that a table gets later. */
  readonly schemaChanges: 'evolve' | 'ignore' | 'stop'
  /** The file of functions of rows: a digest of its text, and full names of the tables that it is for. */
  readonly transform: { readonly digest: string; readonly tables: readonly string[] } | undefined
}

/** A column, `*` for all others, or one under a new name: `new: old`, a constant, a column's text as JSON. */
export type FieldOption =
  | string
  | Readonly<Record<string, string | { readonly value: string | number | boolean } | { readonly json: string }>>

/** All of it that is of one table. */
export interface TableSpec {
  readonly where?: string
  readonly fields?: readonly FieldOption[]
  /** Names of the columns that there are for the sink; others are left out. */
  readonly columns?: readonly string[]
  /** Digest of the file with the function that makes its rows. */
  readonly transform?: string
}

export const NO_SHAPE: ShapeOptions = {
  where: undefined,
  fields: undefined,
  schemaChanges: 'evolve',
  transform: undefined,
}

/** `columns`: those that the sink knows, where it is to know no others. */
export function tableSpec(
  { where, fields, transform }: ShapeOptions,
  table: Table,
  columns: readonly string[] | undefined,
): TableSpec {
  const condition = chosen(where, table)
  const list = chosen(fields, table)
  return {
    ...(condition === undefined ? {} : { where: condition }),
    ...(list === undefined ? {} : { fields: list }),
    ...(columns === undefined ? {} : { columns }),
    ...(transform?.tables.includes(table.name) === true ? { transform: transform.digest } : {}),
  }
}

/** The entry of the table's own name, or else the first whose pattern it has. */
function chosen<T>(entries: Readonly<Record<string, T>> | undefined, table: Table): T | undefined {
  const matching = Object.entries(entries ?? {}).filter(([pattern]) => matchesTable([pattern], table))
  return (matching.find(([text]) => isExact(parsePattern(text, ['source', 'schema', 'table']))) ?? matching[0])?.[1]
}
