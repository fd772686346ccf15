import type { ChangeView, Column, LogicalType, Table } from '../contract.ts'
import { arrayJson } from './array.ts'
import { CellTag } from './layout.ts'
import { isoDate, isoTime, isoTimestamp } from './time.ts'

/**
 * Rows as JSON. The type of a value follows from the column's type, never from the value:
 * integers of every size and finite floats are numbers with all their digits, NaN and infinities strings; decimals are
 * strings; dates and times ISO 8601 text; bytes base64; JSON columns their JSON text; arrays JSON arrays where they
 * have the default bounds; everything else the database's text. Bytes that are not text come as `\x` and hex.
 */

const QUOTE = 0x22
const BACKSLASH = 0x5c
const NULL = Buffer.from('null')
const HEX = Buffer.from('0123456789abcdef')

/** `"name":` of each column of a table. */
const names = new WeakMap<Table, readonly Buffer[]>()

function columnNames(table: Table): readonly Buffer[] {
  let known = names.get(table)
  if (known === undefined) {
    known = table.columns.map(column => Buffer.from(`${JSON.stringify(column.name)}:`))
    names.set(table, known)
  }
  return known
}

/** See ChangeView.toJson. */
export function writeRow(view: ChangeView, into: Uint8Array, at: number): number {
  const { columns } = view.table
  const labels = columnNames(view.table)
  let position = at
  if (position >= into.length) return -1
  into[position++] = 0x7b
  let first = true
  for (let i = 0; i < columns.length; i++) {
    const tag = view.tag(i)
    if (tag === CellTag.absent) continue
    const label = labels[i]!
    if (position + label.length + 6 > into.length) return -1
    if (!first) into[position++] = 0x2c
    first = false
    into.set(label, position)
    position += label.length
    if (tag === CellTag.null) {
      into.set(NULL, position)
      position += NULL.length
      continue
    }
    position = writeValue(view, i, columns[i]!, tag, into, position)
    if (position === -1) return -1
  }
  if (position >= into.length) return -1
  into[position++] = 0x7d
  return position
}

function writeValue(
  view: ChangeView,
  index: number,
  column: Column,
  tag: number,
  into: Uint8Array,
  at: number,
): number {
  if (tag === CellTag.text) {
    const cell = view.cell(index)
    switch (column.type.kind) {
      case 'int16':
      case 'int32':
      case 'int64':
      case 'uint64':
        if (isNumber(cell)) return writeRaw(cell, into, at)
        break
      case 'float32':
      case 'float64':
        if (isNumber(cell)) return writeRaw(cell, into, at)
        break
      case 'text':
      case 'decimal':
      case 'uuid':
      case 'json':
      case 'enum':
      case 'other':
        return writeString(cell, into, at)
      default:
    }
  }
  const json = Buffer.from(valueJson(column.type, view.text(index)!))
  return writeRaw(json, into, at)
}

/** A finite number that PostgreSQL and MySQL print is a JSON number as it stands. */
function isNumber(cell: Uint8Array): boolean {
  if (cell.length === 0) return false
  const first = cell[0] === 0x2d ? cell[1] : cell[0]
  const last = cell[cell.length - 1]!
  return first !== undefined && first >= 0x30 && first <= 0x39 && last >= 0x30 && last <= 0x39
}

function writeRaw(bytes: Uint8Array, into: Uint8Array, at: number): number {
  if (at + bytes.length > into.length) return -1
  into.set(bytes, at)
  return at + bytes.length
}

/** UTF-8 text as a JSON string. */
export function writeString(text: Uint8Array, into: Uint8Array, at: number): number {
  let position = at
  const limit = into.length
  if (position + text.length + 2 > limit) return -1
  into[position++] = QUOTE
  for (let i = 0; i < text.length; i++) {
    const byte = text[i]!
    if (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) {
      if (position >= limit) return -1
      into[position++] = byte
      continue
    }
    if (position + 6 > limit) return -1
    into[position++] = BACKSLASH
    if (byte === QUOTE || byte === BACKSLASH) into[position++] = byte
    else if (byte === 0x0a) into[position++] = 0x6e
    else if (byte === 0x0d) into[position++] = 0x72
    else if (byte === 0x09) into[position++] = 0x74
    else {
      into[position++] = 0x75
      into[position++] = 0x30
      into[position++] = 0x30
      into[position++] = HEX[byte >> 4]!
      into[position++] = HEX[byte & 15]!
    }
  }
  if (position >= limit) return -1
  into[position++] = QUOTE
  return position
}

/** The JSON text of a value that is not null. */
export function valueJson(type: LogicalType, text: string): string {
  switch (type.kind) {
    case 'boolean':
      return text === 't' || text === 'true' || text === '1' ? 'true' : 'false'
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint64':
    case 'float32':
    case 'float64':
      return /^-?\d.*\d$|^-?\d$/.test(text) ? text : JSON.stringify(text)
    case 'bytes':
      return JSON.stringify(base64(text))
    case 'date':
      return JSON.stringify(isoDate(text))
    case 'time':
    case 'timetz':
      return JSON.stringify(isoTime(text))
    case 'timestamp':
    case 'timestamptz':
      return JSON.stringify(isoTimestamp(text))
    case 'array':
      return arrayJson(text, inner => valueJson(type.element, inner)) ?? JSON.stringify(text)
    default:
      return JSON.stringify(text)
  }
}

/** PostgreSQL prints bytea as `\x` and hex (bytea_output=hex); anything else is its own bytes. */
function base64(text: string): string {
  return text.startsWith('\\x')
    ? Buffer.from(text.slice(2), 'hex').toString('base64')
    : Buffer.from(text).toString('base64')
}

/** See ChangeView.toObject. Columns named like members of Object are own properties all the same. */
export function rowObject(view: ChangeView): Record<string, unknown> {
  const members: [string, unknown][] = []
  view.table.columns.forEach((column, i) => {
    if (view.tag(i) === CellTag.absent) return
    const text = view.text(i)
    members.push([column.name, text === null ? null : valueObject(column.type, text)])
  })
  return Object.fromEntries(members)
}

function valueObject(type: LogicalType, text: string): unknown {
  if (type.kind === 'int64' || type.kind === 'uint64') return /^-?\d+$/.test(text) ? BigInt(text) : text
  if (type.kind === 'array' && (type.element.kind === 'int64' || type.element.kind === 'uint64')) return text
  return JSON.parse(valueJson(type, text))
}
