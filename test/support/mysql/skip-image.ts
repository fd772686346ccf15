import { valuesAt } from '../../../connectors/mysql/binlog/row-image.ts'
import type { ImageColumns } from '../../../connectors/mysql/binlog/rows-event.ts'
import type { CellReader } from '../../../connectors/mysql/values/cell-reader.ts'

/** Where the image that begins at `at` ends. By `skip` alone, which has to come to the same as reading. Throws as readImage. */
export function skipImage(
  bytes: Buffer,
  at: number,
  end: number,
  columns: ImageColumns,
  readers: readonly CellReader[],
): number {
  const { bits, at: bitsAt } = columns
  let from = valuesAt(at, end, columns)
  let value = 0
  for (let i = 0; i < readers.length; i++) {
    if (((bits[bitsAt + (i >> 3)]! >> (i & 7)) & 1) === 0) continue
    if (((bytes[at + (value >> 3)]! >> (value & 7)) & 1) === 0) from = readers[i]!.skip(bytes, from, end)
    value++
  }
  return from
}
