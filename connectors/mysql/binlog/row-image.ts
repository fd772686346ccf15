import type { CellOutput } from '../values/cell-output.ts'
import type { CellReader } from '../values/cell-reader.ts'
import { cut } from './binlog-error.ts'
import type { ImageColumns } from './rows-event.ts'

/**
 * Reads the image of one row from `at` on, and answers where it ends. Writes one cell for each column that is wanted,
 * as `wanted[i]` other than 0 says: absent where the image does not have the column. `readers`: one for each column of
 * the table. `starts`: takes where each cell begins, and where the last one ends. Throws BINLOG_UNREADABLE.
 */
export function readImage(
  bytes: Buffer,
  at: number,
  end: number,
  columns: ImageColumns,
  readers: readonly CellReader[],
  wanted: Uint8Array,
  out: CellOutput,
  starts: Uint32Array,
): number {
  const { bits, at: bitsAt } = columns
  let from = valuesAt(at, end, columns)
  let value = 0
  let cell = 0
  for (let i = 0; i < readers.length; i++) {
    const isWanted = wanted[i] !== 0
    if (isWanted) starts[cell++] = out.at
    if (((bits[bitsAt + (i >> 3)]! >> (i & 7)) & 1) === 0) {
      if (isWanted) out.absent()
      continue
    }
    const isNull = ((bytes[at + (value >> 3)]! >> (value & 7)) & 1) !== 0
    value++
    if (isNull) {
      if (isWanted) out.null()
    } else from = isWanted ? readers[i]!.read(bytes, from, end, out) : readers[i]!.skip(bytes, from, end)
  }
  starts[cell] = out.at
  return from
}

/** Behind the null bits, of which there is one for each column of the image. */
export function valuesAt(at: number, end: number, columns: ImageColumns): number {
  const from = at + ((columns.count + 7) >> 3)
  if (from > end) throw cut('the image of a row')
  return from
}
