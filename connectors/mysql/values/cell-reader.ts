import type { CellOutput } from './cell-output.ts'

/** Reads the values of one column, as they stand in the rows of the binary log. */
export interface CellReader {
  /**
   * Writes the value that begins at `at` to `out` as one whole cell (runtime/record/layout.ts). Answers where it ends.
   * Throws BINLOG_UNREADABLE instead of reading beyond `end`.
   */
  read(bytes: Buffer, at: number, end: number, out: CellOutput): number
  /** Where the value that begins at `at` ends; throws as `read`. */
  skip(bytes: Buffer, at: number, end: number): number
}
