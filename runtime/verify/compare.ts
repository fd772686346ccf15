import type { ChangeView, SinkRow } from '../contract.ts'

const NO_ROW: readonly string[] = []

/**
 * Names of the columns in which the sink holds another value than the source; undefined if there are none. None are
 * named where what the sink holds is no row. A column of which it holds nothing is NULL to whoever reads there.
 */
export function differingColumns(
  row: ChangeView,
  held: SinkRow,
  shown: readonly (((text: string) => string) | undefined)[] | undefined,
): readonly string[] | undefined {
  if (held.foreign === true) return NO_ROW
  let differing: string[] | undefined
  const { columns } = row.table
  for (let i = 0; i < columns.length; i++) {
    const { name } = columns[i]!
    const text = row.text(i)
    const wanted = text === null ? null : (shown?.[i]?.(text) ?? text)
    if ((held.cells.get(name) ?? null) === wanted) continue
    differing ??= []
    differing.push(name)
  }
  return differing
}
