import type { CellOutput } from '../values/cell-output.ts'
import type { CellReader } from '../values/cell-reader.ts'
import { cut, unreadable } from './binlog-error.ts'
import { EventReader } from './event-reader.ts'
import { valuesAt } from './row-image.ts'
import type { ImageColumns } from './rows-event.ts'

/**
 * After-images of PARTIAL_UPDATE_ROWS (binlog_row_value_options=PARTIAL_JSON): in front of the null bits stand options
 * and, if they say so, one bit for each JSON column of the table, in the image or not. A column whose bit is set has,
 * instead of its value, how it differs from the one before (json-diff.ts).
 */

/** What differs in the image that was read last. Filled again for each. */
export class PartialColumns {
  count = 0
  readonly columns: number[] = []
  /** Where the differences of `columns[i]` stand in the bytes of the event. */
  readonly from: number[] = []
  readonly to: number[] = []

  add(column: number, from: number, to: number): void {
    this.columns[this.count] = column
    this.from[this.count] = from
    this.to[this.count++] = to
  }
}

const PARTIAL_JSON = 1n
/** Length in front of the differences. */
const LENGTH = 4

/**
 * Reads an after-image as readImage does. `json`: which columns of the table are of the type JSON, as other than 0.
 * Columns of which only differences are there become absent cells and are added to `partial`, if they are wanted.
 * Throws BINLOG_UNREADABLE.
 */
export function readPartialImage(
  bytes: Buffer,
  at: number,
  end: number,
  columns: ImageColumns,
  readers: readonly CellReader[],
  json: Uint8Array,
  wanted: Uint8Array,
  out: CellOutput,
  partial: PartialColumns,
): number {
  partial.count = 0
  const head = new EventReader(bytes, at, end, 'the image of a row')
  const options = head.packed64()
  if ((options & ~PARTIAL_JSON) !== 0n) throw unreadable(`rows have the unknown options ${options}`)
  const hasBits = options === PARTIAL_JSON
  const partialAt = hasBits ? head.skip((countOf(json, readers.length) + 7) >> 3) : 0
  const nullsAt = head.at
  let from = valuesAt(nullsAt, end, columns)
  let value = 0
  let document = 0
  for (let i = 0; i < readers.length; i++) {
    const isWanted = wanted[i] !== 0
    const isPartial = hasBits && json[i] !== 0 && bitAt(bytes, partialAt, document++)
    if (!bitAt(columns.bits, columns.at, i)) {
      if (isWanted) out.absent()
    } else if (bitAt(bytes, nullsAt, value++)) {
      if (isWanted) out.null()
    } else if (isPartial) {
      const differences = from + LENGTH
      if (differences > end) throw cut('the image of a row')
      from = differences + bytes.readUInt32LE(from)
      if (from > end) throw cut('the image of a row')
      if (isWanted) {
        partial.add(i, differences, from)
        out.absent()
      }
    } else from = isWanted ? readers[i]!.read(bytes, from, end, out) : readers[i]!.skip(bytes, from, end)
  }
  return from
}

function bitAt(bytes: Buffer, at: number, i: number): boolean {
  return ((bytes[at + (i >> 3)]! >> (i & 7)) & 1) !== 0
}

function countOf(json: Uint8Array, columns: number): number {
  let count = 0
  for (let i = 0; i < columns; i++) if (json[i] !== 0) count++
  return count
}
