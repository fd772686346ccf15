import { z } from 'zod'
import { parseName, qualifiedName } from '../../runtime/select.ts'

/** The option `asText`. */
export function asTextOption() {
  return z
    .array(z.string())
    .default([])
    .describe('Columns, source.schema.table.column, to keep as the source prints them instead of by their type.')
}

/** As LayoutOptions has them. */
export function asTextOf({ asText }: { readonly asText: readonly string[] }): ReadonlySet<string> {
  return new Set(asText.map(columnKey))
}

function columnKey(name: string): string {
  const parts = parseName(name, ['source', 'schema', 'table', 'column'])
  return `${qualifiedName(parts.slice(0, 3))}\0${parts[3]}`
}
