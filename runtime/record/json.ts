import type { ChangeView, Column, Table } from '../contract.ts'
import { cellEnd, contentAt, malformed } from './cells.ts'
import { copy, isNumber, NOT_PLAIN, truthOf, writeBase64, writeHex, writeString, writeTimestamp } from './json-bytes.ts'
import { CellTag } from './layout.ts'
import { valueJson, valueObject } from './value.ts'

/**
 * Rows as JSON. The type of a value follows from the column's type, never from the value: integers of every size and
 * finite floats are numbers with all their digits, NaN and infinities strings; decimals are strings; dates and times
 * ISO 8601 text; bytes base64; JSON columns their JSON text; arrays JSON arrays where they have the default bounds;
 * everything else, and what a mask left, the database's text. Bytes that are not text come as `\x` and hex.
 */

const NULL = Buffer.from('null')
const COMMA = 0x2c

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

/** Bytes to reserve for the row as JSON: most rows need less. What is reserved and not written takes no memory. */
export function jsonRoom({ cells, table }: ChangeView): number {
  return 2 * cells.length + 64 * table.columns.length
}

/** See ChangeView.toJson. The cells stand in `bytes` from `cellsAt` to `end`; -1: there are none. */
export function writeRow(
  table: Table,
  bytes: Buffer,
  cellsAt: number,
  end: number,
  into: Uint8Array,
  at: number,
): number {
  const { columns } = table
  const labels = columnNames(table)
  if (at + 2 > into.length) return -1
  let position = at
  into[position++] = 0x7b
  let separate = false
  let next = cellsAt
  for (let i = 0; i < columns.length && next !== -1; i++) {
    const cell = next
    if (cell >= end) throw malformed(`fewer cells than the table has columns (${i} of ${columns.length})`, cell)
    next = cellEnd(bytes, cell, end)
    const tag = bytes[cell]!
    if (tag === CellTag.absent) continue
    if (separate) into[position++] = COMMA
    separate = true
    const label = labels[i]!
    position = copy(label, 0, label.length, into, position)
    if (position === -1) return -1
    position =
      tag === CellTag.null
        ? copy(NULL, 0, NULL.length, into, position)
        : writeValue(columns[i]!, tag, bytes, contentAt(bytes, cell), next, into, position)
    if (position === -1) return -1
  }
  if (cellsAt !== -1 && next !== end) throw malformed('more cells than the table has columns', next)
  if (position >= into.length) return -1
  into[position++] = 0x7d
  return position
}

function writeValue(
  column: Column,
  tag: number,
  bytes: Buffer,
  from: number,
  to: number,
  into: Uint8Array,
  at: number,
): number {
  const { kind } = column.type
  if (kind === 'bytes' && column.masked !== true) return writeBase64(bytes, from, to, tag === CellTag.text, into, at)
  if (tag === CellTag.bytes) return writeHex(bytes, from, to, into, at)
  if (column.masked === true) return writeString(bytes, from, to, into, at)
  switch (kind) {
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint64':
    case 'float32':
    case 'float64':
      return isNumber(bytes, from, to) ? copy(bytes, from, to, into, at) : writeString(bytes, from, to, into, at)
    case 'boolean': {
      const truth = truthOf(bytes, from, to)
      return truth === undefined ? writeString(bytes, from, to, into, at) : copy(truth, 0, truth.length, into, at)
    }
    case 'timestamp':
    case 'timestamptz': {
      const written = writeTimestamp(bytes, from, to, into, at)
      if (written !== NOT_PLAIN) return written
      break
    }
    case 'date':
    case 'time':
    case 'timetz':
    case 'array':
      break
    default:
      return writeString(bytes, from, to, into, at)
  }
  const json = Buffer.from(valueJson(column.type, bytes.toString('utf8', from, to)))
  return copy(json, 0, json.length, into, at)
}

/** See ChangeView.toObject. Columns named like members of Object are own properties all the same. */
export function rowObject(view: ChangeView): Record<string, unknown> {
  const members: [string, unknown][] = []
  view.table.columns.forEach((column, i) => {
    const tag = view.tag(i)
    if (tag === CellTag.absent) return
    if (tag === CellTag.null) members.push([column.name, null])
    else if (column.masked === true || (tag === CellTag.bytes && column.type.kind !== 'bytes'))
      members.push([column.name, view.text(i)])
    else members.push([column.name, valueObject(column.type, view.text(i)!)])
  })
  return Object.fromEntries(members)
}
