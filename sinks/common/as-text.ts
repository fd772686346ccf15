import { parseName, qualifiedName } from '../../runtime/select.ts'

/** The option `asText`, full names of columns, as the table's name and the column's with `\0` between them. */
export function columnKeys(names: readonly string[]): ReadonlySet<string> {
  return new Set(
    names.map(name => {
      const parts = parseName(name, ['source', 'schema', 'table', 'column'])
      return `${qualifiedName(parts.slice(0, 3))}\0${parts[3]}`
    }),
  )
}
