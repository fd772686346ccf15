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
const ESCAPES = new Uint8Array(256)
for (const [letter, character] of ['b\b', 'f\f', 'n\n', 'r\r', 't\t', 'v\v', '\\\\'])
  ESCAPES[letter!.charCodeAt(0)] = character!.charCodeAt(0)

/** Tag and length of a cell. A value of the server never needs a 64-bit length. */
const CELL_HEAD = 5

/** Cells up to this length are copied here, four bytes at a time: a native call costs more than it saves. */
const SHORT = 128

const TABS = TAB * 0x01010101
const BACKSLASHES = BACKSLASH * 0x01010101

/** Whether one of the word's four bytes is the one that `repeated` repeats. */
function holdsByte(word: number, repeated: number): boolean {
  const zeroed = word ^ repeated
  return ((zeroed - 0x01010101) & ~zeroed & 0x80808080) !== 0
}

/** The last buffer seen, as words at any place. */
class Words {
  #buffer: Buffer | undefined
  #view: DataView = new DataView(new ArrayBuffer(0))

  of(buffer: Buffer): DataView {
    if (this.#buffer !== buffer) {
      this.#buffer = buffer
      this.#view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length)
    }
    return this.#view
  }
}

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
  readonly #source = new Words()
  readonly #sink = new Words()
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
    const source = this.#source.of(bytes)
    const sink = this.#sink.of(into)
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
      for (;;) {
        while (from + 4 <= short) {
          const word = source.getInt32(from, true)
          if (holdsByte(word, TABS) || holdsByte(word, BACKSLASHES)) break
          sink.setInt32(target, word, true)
          from += 4
          target += 4
        }
        let byte = TAB
        while (from < short) {
          byte = bytes[from]!
          if (byte === TAB || byte === BACKSLASH) break
          into[target++] = byte
          from++
        }
        if (byte !== BACKSLASH) break
        into[target++] = unescaped(bytes, from, end)
        from += 2
      }
      if (from >= short && from < end && bytes[from] !== TAB) {
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
      into[target++] = unescaped(bytes, from, cellEnd)
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

/** The character that the backslash at `at` and the letter behind it stand for. */
function unescaped(bytes: Buffer, at: number, end: number): number {
  const character = at + 1 < end ? ESCAPES[bytes[at + 1]!]! : 0
  if (character === 0) throw malformed('an unknown escape')
  return character
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
