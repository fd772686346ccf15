import { TailraceError } from '../../runtime/errors.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import { Words } from '../../runtime/record/words.ts'

/**
 * Rows of a query as cells. A DataRow (https://www.postgresql.org/docs/current/protocol-message-formats.html) is a 16-bit
 * column count, then for each column a 32-bit length, -1 for null, and its text: all that a cell lacks is the tag.
 */

/** The column count in front of the values. */
const ROW_HEAD = 2
const LENGTH = 4
/** Tag and length of a cell. A value of the server never needs a 64-bit length. */
const CELL_HEAD = 5

/** Values up to this length are copied here, four bytes at a time: a native call costs more than it saves. */
const SHORT = 96
/** What such a copy may reach beyond the end of a value. */
const REACH = 3

/** Bytes that the cells of a DataRow with a body of `length` bytes take at most. */
export function cellsSize(columns: number, length: number): number {
  return columns * (CELL_HEAD - LENGTH) + length - ROW_HEAD
}

/** Decodes the rows of one query. */
export class DataRows {
  readonly #columns: number
  readonly #maxValueBytes: number
  readonly #source = new Words()
  readonly #sink = new Words()

  constructor(columns: number, maxValueBytes: number) {
    this.#columns = columns
    this.#maxValueBytes = maxValueBytes
  }

  /**
   * Writes the cells of the DataRow whose body stands from `at` to `end` into `into` from byte `to`, where there must be
   * `cellsSize` bytes of room, and where each begins, with the end behind them, into `starts`. Answers that end, behind
   * which up to three bytes may be other ones than before. Throws SOURCE_PROTOCOL, ValueTooLarge.
   */
  cells(bytes: Buffer, at: number, end: number, into: Buffer, to: number, starts: Uint32Array): number {
    const columns = this.#columns
    const count = (bytes[at]! << 8) | bytes[at + 1]!
    if (count !== columns) throw malformed(`${count} columns instead of ${columns}`)
    const source = this.#source.of(bytes)
    const sink = this.#sink.of(into)
    let from = at + ROW_HEAD
    let position = to
    for (let column = 0; column < columns; column++) {
      starts[column] = position
      if (from + LENGTH > end) throw malformed('values beyond its end')
      const length = source.getInt32(from)
      from += LENGTH
      if (length === -1) {
        into[position++] = CellTag.null
        continue
      }
      const next = from + length
      if (length < 0 || next > end) throw malformed('values beyond its end')
      if (length > this.#maxValueBytes) throw new ValueTooLarge(column, length)
      into[position] = CellTag.text
      sink.setInt32(position + 1, length)
      position += CELL_HEAD
      if (length > SHORT || next + REACH > bytes.length || position + length + REACH > into.length)
        bytes.copy(into, position, from, next)
      else
        for (let target = position; from < next; from += 4, target += 4)
          sink.setInt32(target, source.getInt32(from, true), true)
      from = next
      position += length
    }
    if (from !== end) throw malformed('bytes behind its values')
    starts[columns] = position
    return position
  }
}

/** Of the row at hand; whoever knows the table names the column. */
export class ValueTooLarge extends Error {
  readonly column: number
  readonly length: number

  constructor(column: number, length: number) {
    super('a value is too large')
    this.column = column
    this.length = length
  }
}

function malformed(what: string): TailraceError {
  return new TailraceError('SOURCE_PROTOCOL', 'stop', `PostgreSQL sent a row with ${what}.`, {
    hint: 'The server is newer than this version of Tailrace, or something between them changes the stream.',
  })
}
