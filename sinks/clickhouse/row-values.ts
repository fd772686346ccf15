import type { Column } from '../../runtime/contract.ts'
import { booleanText } from '../../runtime/record/text.ts'
import { dateText, timestampText } from '../common/times.ts'
import { listText, numberText } from '../common/value-text.ts'
import type { ColumnForm } from './row-bytes.ts'
import type { Storage } from './storage.ts'
import { decimalSize, fixedSize, isFixed } from './values.ts'

/** Reading rows in RowBinary, and the text of their values. */

/** The values of a row, without what says that they are not NULL; undefined: NULL. Views of the rows' bytes. */
export type RowValues = readonly (Buffer | undefined)[]

/** The rows that the bytes hold, one behind the other. */
export function* rowsOf(bytes: Buffer, forms: readonly ColumnForm[]): Generator<RowValues> {
  const cut = new ValueReader(bytes)
  while (!cut.isDone) {
    const row: (Buffer | undefined)[] = []
    for (const { storage, isNullable } of forms)
      row.push(isNullable && cut.byte() === 1 ? undefined : cut.value(storage))
    yield row
  }
}

class ValueReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isDone(): boolean {
    return this.#at >= this.#bytes.length
  }

  byte(): number {
    return this.#bytes[this.#at++]!
  }

  length(): number {
    let length = 0
    for (let unit = 1; ; unit *= 0x80) {
      const byte = this.byte()
      length += (byte & 0x7f) * unit
      if (byte < 0x80) return length
    }
  }

  /** As it stands, lengths included. */
  value(storage: Storage): Buffer {
    const from = this.#at
    if (storage.kind === 'array') {
      for (let left = this.length(); left > 0; left--) if (this.byte() === 0) this.value(storage.element)
    } else {
      const size = isFixed(storage) ? fixedSize(storage) : this.length()
      this.#at += size
    }
    if (this.#at > this.#bytes.length) throw new Error('the server sent a part of a row')
    return this.#bytes.subarray(from, this.#at)
  }

  /** The content of a string. */
  content(): Buffer {
    const length = this.length()
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}

/** The source's text of a value. */
export function textOf(column: Column, storage: Storage, value: Buffer): string {
  switch (storage.kind) {
    case 'boolean':
      return booleanText(column.declared, value[0] === 1)
    case 'int16':
      return String(value.readInt16LE())
    case 'int32':
      return String(value.readInt32LE())
    case 'int64':
      return String(value.readBigInt64LE())
    case 'uint64':
      return String(value.readBigUInt64LE())
    case 'float32':
      return numberText('float32', column.declared, value.readFloatLE())
    case 'float64':
      return numberText('float64', column.declared, value.readDoubleLE())
    case 'decimal':
      return decimalText(value, storage)
    case 'date':
      return dateText(value.readInt32LE())
    case 'timestamp':
    case 'timestamptz':
      return timestampText(value.readBigInt64LE(), storage.kind === 'timestamp' ? '' : '+00')
    case 'uuid':
      return uuidText(value)
    case 'text':
      return new ValueReader(value).content().toString()
    case 'bytes':
      return `\\x${new ValueReader(value).content().toString('hex')}`
    case 'array':
      return listText(elementsOf(column, storage.element, value))
  }
}

function elementsOf(column: Column, element: Storage, value: Buffer): (string | null)[] {
  const reader = new ValueReader(value)
  return Array.from({ length: reader.length() }, () =>
    reader.byte() === 1 ? null : textOf(column, element, reader.value(element)),
  )
}

function decimalText(value: Buffer, { width, scale }: { readonly width: number; readonly scale: number }): string {
  const size = decimalSize(width)
  let units = 0n
  if (size === 4) units = BigInt(value.readInt32LE())
  else
    for (let at = size - 8; at >= 0; at -= 8) {
      const word = at === size - 8 ? value.readBigInt64LE(at) : value.readBigUInt64LE(at)
      units = (units << 64n) + word
    }
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0')
  const point = digits.length - scale
  return `${units < 0n ? '-' : ''}${digits.slice(0, point)}${scale === 0 ? '' : `.${digits.slice(point)}`}`
}

function uuidText(value: Buffer): string {
  const half = (at: number): string => value.readBigUInt64LE(at).toString(16).padStart(16, '0')
  return `${half(0)}${half(8)}`.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}
