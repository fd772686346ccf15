import { asBuffer, cellEnd } from '../../runtime/record/cells.ts'
import { type ColumnForm, RowBytes } from './row-bytes.ts'

/** Turns canonical keys of one table (record/key.ts) into keys in RowBinary. */
export class KeyBytes {
  readonly #bytes: RowBytes

  constructor(forms: readonly ColumnForm[]) {
    this.#bytes = new RowBytes(forms)
  }

  /** A copy; undefined: no row can have this key. */
  of(key: Uint8Array): Buffer | undefined {
    const cells = asBuffer(key)
    this.#bytes.back(0)
    let column = 0
    let isHeld = true
    for (let at = 0; at < cells.length; column++) {
      const end = cellEnd(cells, at, cells.length)
      if (column === this.#bytes.forms.length) return undefined
      isHeld = this.#bytes.putCell(column, cells, at, end) && isHeld
      at = end
    }
    return isHeld && column === this.#bytes.forms.length ? Buffer.from(this.#bytes.bytes) : undefined
  }
}
