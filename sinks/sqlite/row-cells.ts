import { isAscii } from 'node:buffer'
import { asBuffer, cellEnd, cellText, contentAt, malformed } from '../../runtime/record/cells.ts'
import { CellTag } from '../../runtime/record/layout.ts'

/** A longer row has large cells, which cost more than the calls that make texts of them. */
const SHORT_ROW = 4096
const WINDOW = 16 * 1024
const SAFE_DIGITS = 15
const ZERO = 0x30
const MINUS = 0x2d

/**
 * The cells of a row, one after the other; of one batch's rows, whose bytes must stay as they are.
 *
 * Part of the batch is at hand as one string, as if it were Latin-1: a cell in ASCII is cut out of it, for a tenth of
 * what a call into native code for each cell takes.
 */
export class RowCells {
  #bytes: Buffer = Buffer.alloc(0)
  #window = ''
  #windowOf: ArrayBufferLike | undefined
  #windowAt = 0
  /** The row's place in the window; -1: it is too long for one. */
  #row = -1
  /** No byte of the row is outside ASCII. */
  #isAscii = false
  #at = 0
  #content = 0
  #end = 0

  /** `cells`: as `ChangeView.cells`. */
  open(cells: Uint8Array): void {
    const bytes = asBuffer(cells)
    this.#bytes = bytes
    this.#end = 0
    this.#row = -1
    if (bytes.length > SHORT_ROW) return
    const row = bytes.byteOffset - this.#windowAt
    const isIn = bytes.buffer === this.#windowOf && row >= 0 && row + bytes.length <= this.#window.length
    this.#row = isIn ? row : this.#moveWindow(bytes)
    this.#isAscii = isAscii(bytes)
  }

  #moveWindow({ buffer, byteOffset }: Buffer): number {
    this.#windowOf = buffer
    this.#windowAt = byteOffset
    this.#window = Buffer.from(buffer, byteOffset, Math.min(WINDOW, buffer.byteLength - byteOffset)).toString('latin1')
    return 0
  }

  /** Moves to the next cell and answers its tag. */
  next(): CellTag {
    const at = this.#end
    if (at >= this.#bytes.length) throw malformed('fewer cells than the table has columns', at)
    this.#at = at
    this.#end = cellEnd(this.#bytes, at, this.#bytes.length)
    this.#content = contentAt(this.#bytes, at)
    return this.#bytes[at] as CellTag
  }

  /** False for bytes of a text that are not valid UTF-8. */
  get isText(): boolean {
    return this.#bytes[this.#at] === CellTag.text
  }

  get size(): number {
    return this.#end - this.#content
  }

  /** The cell's bytes: a view. */
  get content(): Buffer {
    return this.#bytes.subarray(this.#content, this.#end)
  }

  /** As `ChangeView.text` of a cell that holds a value. */
  text(): string {
    const bytes = this.#bytes
    if (this.#row === -1 || bytes[this.#at] !== CellTag.text) return cellText(bytes, this.#at, this.#end)!
    if (!this.#isAscii) {
      let all = 0
      for (let i = this.#content; i < this.#end; i++) all |= bytes[i]!
      if (all >= 0x80) return cellText(bytes, this.#at, this.#end)!
    }
    return this.#window.slice(this.#row + this.#content, this.#row + this.#end)
  }

  /** The integer whose canonical text the cell holds; undefined if it is another text, or not safely a number. */
  integer(): number | undefined {
    const bytes = this.#bytes
    const isNegative = bytes[this.#content] === MINUS
    const from = isNegative ? this.#content + 1 : this.#content
    const digits = this.#end - from
    if (bytes[this.#at] !== CellTag.text || digits < 1 || digits > SAFE_DIGITS) return undefined
    if (bytes[from] === ZERO && (digits > 1 || isNegative)) return undefined
    let value = 0
    for (let i = from; i < this.#end; i++) {
      const digit = bytes[i]! - ZERO
      if (digit < 0 || digit > 9) return undefined
      value = value * 10 + digit
    }
    return isNegative ? -value : value
  }
}
