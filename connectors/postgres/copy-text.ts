import { TailraceError } from '../../runtime/errors.ts'
import { writeU32BE } from '../../runtime/record/cells.ts'
import { CellTag } from '../../runtime/record/layout.ts'

/**
 * Rows of COPY's text format (https://www.postgresql.org/docs/current/sql-copy.html, File Formats) as cells: one pass,
 * no string.
 */

const TAB = 0x09
const BACKSLASH = 0x5c
const LETTER_N = 0x4e

/** What stands for the letter behind a backslash. The server writes no others, in particular no digits. */
const ESCAPES = new Map([...'bfnrtv\\'].map((letter, i) => [letter.charCodeAt(0), '\b\f\n\r\t\v\\'.charCodeAt(i)]))

/** Tag and length of a cell. A value of the server never needs a 64-bit length. */
const CELL_HEAD = 5

/** Cells shorter than this are copied byte by byte: a call for a copy costs more. */
const SHORT = 40

/** Bytes that the cells of a row of `length` bytes take at most. */
export function cellsSize(columns: number, length: number): number {
  return columns * CELL_HEAD + length
}

/** Decodes rows of one COPY. */
export class CopyText {
  readonly #columns: number
  readonly #maxValueBytes: number
  /** The next backslash at or behind the place last looked at, in the buffer last looked at. */
  #backslash = -1
  #searched: Buffer | undefined
  /** Where `#rest` stopped: at the cell's end. */
  #from = 0

  constructor(columns: number, maxValueBytes: number) {
    this.#columns = columns
    this.#maxValueBytes = maxValueBytes
  }

  /**
   * Writes the cells of the row from `at` to `end` (its newline left out) into `into` from byte `to`; answers the
   * position behind them. `into` may be the row's own buffer if the row stands `cellsSize(columns, 0)` behind `to`.
   * Throws SOURCE_PROTOCOL, ValueTooLarge.
   */
  row(bytes: Buffer, at: number, end: number, into: Buffer, to: number): number {
    const columns = this.#columns
    let from = at
    let position = to
    for (let column = 0; column < columns; column++) {
      if (from > end) throw malformed(`${column} columns instead of ${columns}`)
      if (bytes[from] === BACKSLASH && bytes[from + 1] === LETTER_N && (from + 2 === end || bytes[from + 2] === TAB)) {
        into[position++] = CellTag.null
        from += 3
        continue
      }
      const content = position + CELL_HEAD
      let target = content
      const short = Math.min(end, from + SHORT)
      let byte = -1
      while (from < short) {
        byte = bytes[from]!
        if (byte === TAB || byte === BACKSLASH) break
        into[target++] = byte
        from++
      }
      if (from < end && byte !== TAB) {
        target = this.#rest(bytes, from, column === columns - 1 ? end : this.#cellEnd(bytes, from, end), into, target)
        from = this.#from
      }
      const length = target - content
      if (length > this.#maxValueBytes) throw new ValueTooLarge(column, length)
      into[position] = CellTag.text
      writeU32BE(into, position + 1, length)
      position = target
      from++
    }
    if (from !== end + 1) throw malformed(`more than ${columns} columns`)
    return position
  }

  /** The rest of a cell that is long or holds a backslash. */
  #rest(bytes: Buffer, at: number, cellEnd: number, into: Buffer, to: number): number {
    let from = at
    let target = to
    for (;;) {
      const plainEnd = Math.min(this.#nextBackslash(bytes, from), cellEnd)
      bytes.copy(into, target, from, plainEnd)
      target += plainEnd - from
      from = plainEnd
      if (from === cellEnd) break
      if (from + 1 >= cellEnd) throw malformed('a backslash at the end of a value')
      const character = ESCAPES.get(bytes[from + 1]!)
      if (character === undefined) throw malformed('an unknown escape')
      into[target++] = character
      from += 2
    }
    this.#from = from
    return target
  }

  #cellEnd(bytes: Buffer, at: number, end: number): number {
    const tab = bytes.indexOf(TAB, at)
    return tab === -1 || tab > end ? end : tab
  }

  #nextBackslash(bytes: Buffer, at: number): number {
    if (this.#searched !== bytes || this.#backslash < at) {
      const found = bytes.indexOf(BACKSLASH, at)
      this.#backslash = found === -1 ? bytes.length : found
      this.#searched = bytes
    }
    return this.#backslash
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
  return new TailraceError('SOURCE_PROTOCOL', 'stop', `PostgreSQL sent a row of COPY with ${what}.`, {
    hint: 'The server is newer than this version of Tailrace, or something between them changes the stream.',
  })
}
