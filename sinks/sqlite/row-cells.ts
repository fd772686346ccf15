import { asBuffer, cellEnd, cellText, contentAt, malformed } from '../../runtime/record/cells.ts'
import { CellTag } from '../../runtime/record/layout.ts'

/** A longer row has large cells, which cost more than the calls that make texts of them. */
const SHORT_ROW = 4096
const SAFE_DIGITS = 15
const ZERO = 0x30
const MINUS = 0x2d

/** The cells of a row, one after the other. The row's bytes must stay while it is at hand. */
export class RowCells {
  #bytes: Buffer = Buffer.alloc(0)
  /** All of a short row as if it were Latin-1: a cell in ASCII is a part of it, for a sixth of a call into native code. */
  #latin1: string | undefined
  #at = 0
  #content = 0
  #end = 0

  /** `cells`: as `ChangeView.cells`. */
  open(cells: Uint8Array): void {
    const bytes = asBuffer(cells)
    this.#bytes = bytes
    this.#latin1 = bytes.length <= SHORT_ROW ? bytes.toString('latin1') : undefined
    this.#end = 0
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

  /** The cell's bytes: a view. */
  get content(): Buffer {
    return this.#bytes.subarray(this.#content, this.#end)
  }

  /** As `ChangeView.text` of a cell that holds a value. */
  text(): string {
    const bytes = this.#bytes
    if (this.#latin1 === undefined || bytes[this.#at] !== CellTag.text) return cellText(bytes, this.#at, this.#end)!
    let all = 0
    for (let i = this.#content; i < this.#end; i++) all |= bytes[i]!
    return all < 0x80 ? this.#latin1.slice(this.#content, this.#end) : cellText(bytes, this.#at, this.#end)!
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
