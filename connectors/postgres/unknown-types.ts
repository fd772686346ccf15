import type { Finding, SourceContext, Table } from '../../runtime/contract.ts'
import type { ColumnRule } from '../common/mask.ts'
import { nameOf } from '../common/selection.ts'
import { isUnknownType, type TypeCatalog } from './types.ts'

/** Columns of types that nobody here has seen: carried as the text that the server prints, and told of. */

interface TypedColumn {
  readonly name: string
  readonly typeOid: number
}

interface Described {
  readonly table: Table
  /** Names of its columns. */
  readonly unknown: readonly string[]
}

/** Names of the columns that are kept as they are and whose type is unknown. */
export function unknownColumns(
  columns: readonly TypedColumn[],
  rules: readonly ColumnRule[],
  types: TypeCatalog,
): string[] {
  return columns
    .filter(({ typeOid }, i) => rules[i] === 'keep' && isUnknownType(typeOid, types))
    .map(({ name }) => name)
}

/** `column (type)` of each. */
function describe({ unknown, table }: Described): string[] {
  return unknown.map(name => `${name} (${table.columns.find(column => column.name === name)!.declared})`)
}

export function unknownFindings(captured: readonly Described[]): Finding[] {
  return captured
    .filter(({ unknown }) => unknown.length > 0)
    .map(one => ({
      level: 'warning',
      code: 'SOURCE_TYPES',
      message: `Types of ${nameOf(one.table)} that Tailrace does not know, carried as text: ${describe(one).join(', ')}.`,
    }))
}

export function warnOfUnknown(logger: SourceContext['logger'], captured: readonly Described[]): void {
  for (const one of captured)
    if (one.unknown.length > 0)
      logger.warn({ table: one.table.name, columns: describe(one) }, 'types that are not known are carried as text')
}
