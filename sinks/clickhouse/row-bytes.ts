import { parseArray } from '../../runtime/record/array.ts'
import { cellEnd, contentAt, malformed } from '../../runtime/record/cells.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import { isHexForm, writeHex } from '../common/hex.ts'
import { type Storage, sqlType } from './storage.ts'
import { fixedForm, fixedSize, isFixed } from './values.ts'

/** A column of rows in RowBinary. */
export interface ColumnForm {
  readonly storage: Storage
  readonly isNullable: boolean
}

/** The type in SQL. */
export function columnType({ storage, isNullable }: ColumnForm): string {
  return isNullable ? `Nullable(${sqlType(storage)})` : sqlType(storage)
}

/** Writes a value that is not NULL. False: the type has no such value. */
type Put = (bytes: Buffer, from: number, to: number, isText: boolean) => boolean

const FIRST_BYTES = 1024
/** Up to here room is doubled, beyond it grows by what is needed. */
const DOUBLED_BYTES = 32 * 1024 * 1024
/** Up to here a loop copies faster than a call. */
const SHORT = 48
/** Of a length in front of a text. */
const LONGEST_LENGTH = 10
/** What most cells take at most beside their own bytes: the widest decimal, or a length, and whether it is NULL. */
const CELL_ROOM = 40

/** Rows one behind the other in RowBinary. https://clickhouse.com/docs/interfaces/formats/RowBinary */
export class RowBytes {
  readonly forms: readonly ColumnForm[]
  readonly #puts: readonly Put[]
  #bytes: Buffer
  #view: DataView
  #at = 0
  rows = 0

  /** `memory`: to begin with. */
  constructor(forms: readonly ColumnForm[], memory: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)) {
    this.forms = forms
    this.#bytes = memory
    this.#view = viewOf(memory)
    this.#puts = forms.map(({ storage }) => this.#putOf(storage))
  }

  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#at)
  }

  /** That the rows are in; nobody may use these any more when it is used for others. */
  get memory(): Buffer {
    return this.#bytes
  }

  /** Where the next value goes, for `back`. */
  get at(): number {
    return this.#at
  }

  /** Forgets what was written behind this place. */
  back(at: number): void {
    this.#at = at
  }

  /** All cells of a row; those that are absent are NULL. Answers a column that has no such value, or -1. */
  putRow(cells: Buffer): number {
    const columns = this.forms.length
    this.#reserve(cells.length + CELL_ROOM * columns)
    let column = 0
    let wrong = -1
    for (let at = 0; at < cells.length; column++) {
      const end = cellEnd(cells, at, cells.length)
      if (column === columns) throw malformed('a row with too many cells', at)
      if (!this.#putCell(column, cells, at, end) && cells[at] !== CellTag.absent) wrong = column
      // Lists and hex have taken more than was reserved for them.
      if (cells[at] === CellTag.bytes || this.forms[column]!.storage.kind === 'array')
        this.#reserve(cells.length - end + CELL_ROOM * columns)
      at = end
    }
    if (column !== columns) throw malformed('a row with too few cells', cells.length)
    return wrong
  }

  /** The cell from `at` to `end`; one that is absent is NULL. False: the column has no such value. */
  putCell(column: number, bytes: Buffer, at: number, end: number): boolean {
    this.#reserve(end - at + CELL_ROOM)
    return this.#putCell(column, bytes, at, end)
  }

  #putCell(column: number, bytes: Buffer, at: number, end: number): boolean {
    const tag = bytes[at]
    if (tag !== CellTag.text && tag !== CellTag.bytes) return this.putNull(column)
    if (this.forms[column]!.isNullable) this.#bytes[this.#at++] = 0
    return this.#puts[column]!(bytes, contentAt(bytes, at), end, tag === CellTag.text)
  }

  /** Where a column cannot be NULL, its type's empty value, and false. */
  putNull(column: number): boolean {
    const { storage, isNullable } = this.forms[column]!
    if (isNullable) this.putByte(1)
    else {
      const size = isFixed(storage) ? fixedSize(storage) : 1
      this.#reserve(size)
      this.#bytes.fill(0, this.#at, this.#at + size)
      this.#at += size
    }
    return isNullable
  }

  putText(column: number, text: string): boolean {
    const bytes = Buffer.from(text)
    this.#reserve(bytes.length + CELL_ROOM)
    if (this.forms[column]!.isNullable) this.putByte(0)
    return this.#puts[column]!(bytes, 0, bytes.length, true)
  }

  /** A value as it stands in other rows, without what says that it is not NULL; undefined: NULL. */
  putValue(column: number, value: Uint8Array | undefined): void {
    if (value === undefined) {
      this.putNull(column)
      return
    }
    if (this.forms[column]!.isNullable) this.putByte(0)
    this.#reserve(value.length)
    this.#bytes.set(value, this.#at)
    this.#at += value.length
  }

  putByte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#at++] = value
  }

  putUint64(value: bigint): void {
    this.#reserve(8)
    this.#view.setBigUint64(this.#at, value, true)
    this.#at += 8
  }

  putString(text: string): void {
    const bytes = Buffer.from(text)
    this.#reserve(LONGEST_LENGTH + bytes.length)
    this.#putString(bytes, 0, bytes.length)
  }

  /** Of a Nullable(String). */
  putOptional(text: string | undefined): void {
    this.putByte(text === undefined ? 1 : 0)
    if (text !== undefined) this.putString(text)
  }

  /** Of an Array(String). */
  putStrings(texts: readonly string[]): void {
    this.#reserve(LONGEST_LENGTH)
    this.#putLength(texts.length)
    for (const text of texts) this.putString(text)
  }

  /** There is room for its value, but for lists and for what becomes hex. */
  #putOf(storage: Storage): Put {
    if (isFixed(storage)) {
      const { bytes: size, encode } = fixedForm(storage)
      return (bytes, from, to, isText) => {
        const isHeld = encode(bytes, from, to, this.#view, this.#at)
        this.#at += size
        return isHeld && isText
      }
    }
    if (storage.kind === 'array') return this.#arrayPut(this.#putOf(storage.element))
    if (storage.kind === 'bytes') return (...value) => this.#putBytes(...value)
    return (...value) => this.#putText(...value)
  }

  /** Bytes that are not text become `\x` and hex. */
  #putText(bytes: Buffer, from: number, to: number, isText: boolean): boolean {
    if (isText) return this.#putString(bytes, from, to)
    const hex = Buffer.from(`\\x${bytes.toString('hex', from, to)}`)
    this.#reserve(LONGEST_LENGTH + hex.length)
    return this.#putString(hex, 0, hex.length)
  }

  #putBytes(bytes: Buffer, from: number, to: number, isText: boolean): boolean {
    if (!isText || !isHexForm(bytes, from, to)) return this.#putString(bytes, from, to)
    const length = (to - from - 2) >> 1
    this.#putLength(length)
    writeHex(bytes, from + 2, to, this.#bytes, this.#at)
    this.#at += length
    return true
  }

  #putString(bytes: Buffer, from: number, to: number): boolean {
    const length = to - from
    this.#putLength(length)
    const into = this.#bytes
    const at = this.#at
    if (length <= SHORT) for (let i = 0; i < length; i++) into[at + i] = bytes[from + i]!
    else bytes.copy(into, at, from, to)
    this.#at = at + length
    return true
  }

  /** Lists of one dimension with the default bounds. */
  #arrayPut(put: Put): Put {
    return (bytes, from, to, isText) => {
      const values = isText ? parseArray(bytes.toString('utf8', from, to)) : undefined
      this.#putLength(values?.length ?? 0)
      let isHeld = values !== undefined
      for (const value of values ?? []) {
        if (typeof value !== 'string') {
          this.putByte(1)
          isHeld &&= value === null
          continue
        }
        const text = Buffer.from(value)
        this.#reserve(text.length + CELL_ROOM)
        this.#bytes[this.#at++] = 0
        isHeld = put(text, 0, text.length, true) && isHeld
      }
      return isHeld
    }
  }

  /** In seven bits a byte. */
  #putLength(length: number): void {
    let rest = length
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest % 0x80) + 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#bytes[this.#at++] = rest
  }

  #reserve(room: number): void {
    const needed = this.#at + room
    if (needed <= this.#bytes.length) return
    const size = Math.max(needed, Math.min(2 * this.#bytes.length, needed + DOUBLED_BYTES))
    const grown = Buffer.allocUnsafeSlow(size)
    this.#bytes.copy(grown, 0, 0, this.#at)
    this.#bytes = grown
    this.#view = viewOf(grown)
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}
