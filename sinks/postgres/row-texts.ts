import { asBuffer, cellEnd, contentAt, malformed } from '../../runtime/record/cells.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import type { LayoutColumn } from './layout.ts'
import type { PlacedRow, RowGroup } from './row-groups.ts'
import { isText } from './storage.ts'
import { storedForm } from './stored-text.ts'

/** Takes the values of a row, column by column, as the texts that the database reads. */
export interface TextTaker {
  null(column: number): void
  bytes(column: number, from: Buffer, start: number, end: number): void
}

/** What must be looked at in a value before the database gets it. */
type Form = 'text' | 'bytes' | 'plain'

/** Reads rows of one group. */
export class RowTexts {
  readonly columns: readonly LayoutColumn[]
  readonly #forms: readonly Form[]
  readonly #isAppend: boolean
  readonly #logId: Buffer

  constructor(columns: readonly LayoutColumn[], { kind }: Pick<RowGroup, 'kind'>, logId: string) {
    this.columns = columns
    this.#forms = columns.map(({ storage }) => (isText(storage) ? 'text' : storage === 'bytea' ? 'bytes' : 'plain'))
    this.#isAppend = kind === 'append'
    this.#logId = Buffer.from(logId)
  }

  read({ cells, version }: PlacedRow, taker: TextTaker): void {
    const bytes = asBuffer(cells)
    const { length } = bytes
    let column = 0
    if (this.#isAppend) {
      const text = Buffer.from(String(version))
      taker.bytes(column++, this.#logId, 0, this.#logId.length)
      taker.bytes(column++, text, 0, text.length)
    }
    for (let at = 0; at < length; ) {
      const end = cellEnd(bytes, at, length)
      const tag = bytes[at]
      if (tag === CellTag.text) this.#takeText(column++, bytes, contentAt(bytes, at), end, taker)
      else if (tag === CellTag.bytes) {
        const hex = Buffer.from(`\\x${bytes.toString('hex', contentAt(bytes, at), end)}`)
        taker.bytes(column++, hex, 0, hex.length)
        // Of a row that lacks cells the others alone are columns; an append has them all.
      } else if (tag === CellTag.null || this.#isAppend) taker.null(column++)
      at = end
    }
    if (column !== this.columns.length) throw malformed('a row with another number of cells', 0)
  }

  #takeText(column: number, bytes: Buffer, start: number, end: number, taker: TextTaker): void {
    const other = otherForm(this.#forms[column]!, bytes, start, end)
    if (other === undefined) taker.bytes(column, bytes, start, end)
    else {
      const written = Buffer.from(other)
      taker.bytes(column, written, 0, written.length)
    }
  }
}

/** What the database is to read in the place of a text; undefined: that text. */
function otherForm(form: Form, bytes: Buffer, start: number, end: number): string | undefined {
  if (form === 'plain') return undefined
  if (form === 'text') return storedForm(bytes, start, end)
  const isHex = bytes[start] === 0x5c && bytes[start + 1] === 0x78
  return isHex ? undefined : `\\x${bytes.toString('hex', start, end)}`
}
