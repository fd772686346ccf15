import type { Table } from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { encodeCells } from '../../runtime/record/cells.ts'
import { indexCells } from '../../runtime/record/key.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import type { Span } from '../common/scratch.ts'
import { applyJsonDiffs } from './binlog/json-apply.ts'
import { parseJsonDiffs } from './binlog/json-diff.ts'
import type { PartialColumns } from './binlog/partial-image.ts'
import type { RowReading } from './row-reading.ts'
import { CellOutput } from './values/cell-output.ts'
import { putJson } from './values/json.ts'

/** A cell's head. */
const HEAD = 5

/**
 * Gives the new row the JSON documents of which the event `bytes` has only the differences. The documents before are in
 * the old row. Throws PARTIAL_JSON if one is not, BINLOG_UNREADABLE if one is another than was changed.
 */
export function completePartial(
  bytes: Buffer,
  partial: PartialColumns,
  { table, wanted }: RowReading,
  old: Span,
  next: Span,
): void {
  const columns = wanted.reduce((count, one) => count + one, 0)
  const oldStarts = new Uint32Array(columns + 1)
  const newStarts = new Uint32Array(columns + 1)
  indexCells(old.bytes, old.at, old.end, columns, oldStarts)
  indexCells(next.bytes, next.at, next.end, columns, newStarts)
  const cells = Array.from({ length: columns }, (_, i) => next.bytes.subarray(newStarts[i]!, newStarts[i + 1]!))
  for (let i = 0; i < partial.count; i++) {
    const column = wanted.subarray(0, partial.columns[i]!).reduce((count, one) => count + one, 0)
    const from = oldStarts[column]!
    if (old.bytes[from] !== CellTag.text) throw missing(table)
    const before = old.bytes.toString('utf8', from + HEAD, oldStarts[column + 1]!)
    const diffs = parseJsonDiffs(bytes, partial.from[i]!, partial.to[i]!)
    cells[column] = Buffer.from(encodeCells([applyJsonDiffs(before, diffs, bytes, binaryJsonText)]))
  }
  next.bytes = Buffer.concat(cells)
  next.at = 0
  next.end = next.bytes.length
}

/** As the server prints it. */
function binaryJsonText(bytes: Buffer, at: number, end: number): string {
  const out = new CellOutput()
  putJson(bytes, at, end, out)
  return out.bytes.toString('utf8', 0, out.at)
}

function missing({ name }: Table): TailraceError {
  return new TailraceError('PARTIAL_JSON', 'stop', `Changes within JSON of ${name} come without the document before.`, {
    hint: "SET GLOBAL binlog_row_value_options = ''; or SET GLOBAL binlog_row_image = 'FULL'; then read the table again: tailrace backfill --source NAME --resnapshot.",
  })
}
