import { z } from 'zod'
import type { Column, Table } from '../../runtime/contract.ts'
import { parseName, qualifiedName } from '../../runtime/select.ts'

/** Options of a sink that name columns, `source.schema.table.column`. */

export function asTextOption() {
  return z
    .array(z.string())
    .default([])
    .describe('Columns, source.schema.table.column, to keep as the source prints them instead of by their type.')
}

/** What a column that is named so is looked up by. Throws CONFIG_PATTERN. */
export function namedColumn(name: string): string {
  const parts = parseName(name, ['source', 'schema', 'table', 'column'])
  return joined(qualifiedName(parts.slice(0, 3)), parts[3]!)
}

export function namedColumns(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.map(namedColumn))
}

/** The same of a column that is there. */
export function columnKey(table: Pick<Table, 'name'>, column: Pick<Column, 'name'>): string {
  return joined(table.name, column.name)
}

function joined(table: string, column: string): string {
  return `${table}\0${column}`
}
