import type { Column } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { formatSize } from '../../runtime/quantity.ts'
import { cellEnd, contentAt } from '../../runtime/record/cells.ts'

/** The option `maxValueBytes`, as far as it is known: bytes are counted as such, not as the hexadecimal digits of the log. */

/** Throws VALUE_TOO_LARGE. `cells`: one for each of the columns, from `at` to `end`. */
export function requireValueSizes(
  table: string,
  columns: readonly Column[],
  cells: Buffer,
  at: number,
  end: number,
  limit: number,
): void {
  // Hardly any row is as large as one value may be.
  if (end - at <= limit) return
  let from = at
  for (const { name, type } of columns) {
    const next = cellEnd(cells, from, end)
    const content = next - contentAt(cells, from)
    const length = type.kind === 'bytes' ? content / 2 : content
    if (length > limit) throw valueTooLarge(table, name, length, limit)
    from = next
  }
}

export function valueTooLarge(table: string, column: string, length: number, limit: number): TailraceError {
  return new TailraceError(
    'VALUE_TOO_LARGE',
    'stop',
    `A value of column ${column} of ${table} has ${formatSize(Math.floor(length))}; the limit is ${formatSize(limit)}.`,
    { hint: 'Raise maxValueBytes of the source (it costs about twice as much memory), or exclude the column.' },
  )
}
