import type { Table } from '../contract.ts'
import { asBuffer, cellEnd, cellTexts, contentAt, encodeCells, malformed } from './cells.ts'
import { CellTag } from './layout.ts'

/**
 * Canonical keys: the cells of the key columns, in the order of `Table.key`, one behind the other (layout.ts). Equal
 * keys have equal bytes and different keys different bytes, also across column borders and against invalid text.
 */

/** What the rows of a table have in common. */
export interface RowShape {
  readonly table: Table
  /** First and last of the key columns where they are one run of the tuple, in key order; else -1. */
  readonly keyFirst: number
  readonly keyLast: number
  /** Scratch: where the cells of the row at hand begin. */
  readonly starts: Uint32Array
}

export function shapeOf(table: Table): RowShape {
  const starts = new Uint32Array(table.columns.length + 1)
  const first = table.key[0] ?? -1
  const isRun = table.key.every((column, i) => column === first + i)
  return { table, keyFirst: isRun ? first : -1, keyLast: isRun ? first + table.key.length - 1 : -1, starts }
}

/** Keys that begin further behind the first cell are written on their own. */
const LAST_KEY_AT = 0xffff

/** No row whose cells have `size` bytes needs its key written on its own. */
export function keyStaysInRun({ table, keyFirst }: RowShape, size: number): boolean {
  return keyFirst === -1 ? table.key.length === 0 : keyFirst === 0 || size <= LAST_KEY_AT
}

/**
 * Where the key begins in a tuple whose cells, from `at`, were indexed: 0 if the table has none, -1 if it must be written
 * on its own. Throws if a key cell holds no value.
 */
export function keyRunAt(shape: RowShape, bytes: Uint8Array, at: number, starts: Uint32Array): number {
  const { table, keyFirst, keyLast } = shape
  if (keyFirst === -1) return table.key.length === 0 ? 0 : -1
  for (let i = keyFirst; i <= keyLast; i++) requireValue(table, bytes[starts[i]!], i)
  const keyAt = starts[keyFirst]! - at
  return keyAt > LAST_KEY_AT ? -1 : keyAt
}

export function keyRunLength({ keyFirst, keyLast }: RowShape, starts: Uint32Array): number {
  return keyFirst === -1 ? 0 : starts[keyLast + 1]! - starts[keyFirst]!
}

/**
 * Starts of the cells of a tuple of this table, and the end, into `starts` (one longer than the columns). Answers
 * whether no cell is absent.
 */
export function indexCells(bytes: Uint8Array, at: number, end: number, columns: number, starts: Uint32Array): boolean {
  let position = at
  let complete = true
  for (let column = 0; column < columns; column++) {
    if (position >= end) throw malformed(`fewer cells than the table has columns (${column} of ${columns})`, position)
    starts[column] = position
    if (bytes[position] === CellTag.absent) complete = false
    position = cellEnd(bytes, position, end)
  }
  if (position !== end) throw malformed('more cells than the table has columns', position)
  starts[columns] = position
  return complete
}

/** The key of a tuple whose cells were indexed, copied. Throws if a key cell holds no value. */
export function keyOf(table: Table, bytes: Uint8Array, starts: Uint32Array): Uint8Array {
  let size = 0
  for (const column of table.key) {
    requireValue(table, bytes[starts[column]!], column)
    size += starts[column + 1]! - starts[column]!
  }
  const key = Buffer.allocUnsafe(size)
  let at = 0
  for (const column of table.key) {
    key.set(bytes.subarray(starts[column]!, starts[column + 1]!), at)
    at += starts[column + 1]! - starts[column]!
  }
  return key
}

function requireValue(table: Table, tag: number | undefined, column: number): void {
  if (tag === CellTag.text || tag === CellTag.bytes) return
  throw malformed(`no value in key column "${table.columns[column]?.name}" of ${table.name}`, column)
}

/** A key from the text of its columns, in key order. */
export function keyFromTexts(texts: readonly string[]): Uint8Array {
  return encodeCells(texts)
}

/** The text of each key column. Bytes that are not text come as `\\x` and hex. */
export function keyTexts(key: Uint8Array): string[] {
  return cellTexts(key).map(text => text ?? '')
}

/**
 * The key as one text for document ids, cache keys and people: the column's text, composite keys joined by `|` with
 * `%`, `|` and control characters percent-escaped in each part, bytes that are not text as `%x` and hex. Different keys
 * of a table stay different.
 */
export function keyText(key: Uint8Array): string {
  const bytes = asBuffer(key)
  const parts: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = cellEnd(bytes, at, bytes.length)
    const content = contentAt(bytes, at)
    const alone = at === 0 && end === bytes.length
    if (bytes[at] !== CellTag.text) parts.push(`%x${bytes.toString('hex', content, end)}`)
    else if (alone) parts.push(escapeAlone(bytes.toString('utf8', content, end)))
    else parts.push(escapePart(bytes.toString('utf8', content, end)))
    at = end
  }
  return parts.join('|')
}

/** The key that `keyText` made this text of; undefined if it has not as many parts. */
export function keyFromText(text: string, columns: number): Uint8Array | undefined {
  if (columns === 1) return encodeCells([aloneCell(text)])
  const parts = text.split('|')
  return parts.length === columns ? encodeCells(parts.map(partCell)) : undefined
}

function aloneCell(text: string): string | Uint8Array {
  if (text.startsWith('%x')) return Buffer.from(text.slice(2), 'hex')
  return /^%25(?:25)*x/.test(text) ? `%${text.slice(3)}` : text
}

function partCell(text: string): string | Uint8Array {
  if (text.startsWith('%x')) return Buffer.from(text.slice(2), 'hex')
  return text.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

/** Text as it is, unless it would read like bytes that are not text. */
function escapeAlone(text: string): string {
  return text.replace(/^%(?=(?:25)*x)/, '%25')
}

function escapePart(text: string): string {
  return text.replace(/[%|\p{Cc}]/gu, c => `%${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}

/** FNV-1a over the key's bytes, unsigned 32 bits: for partitions and hash tables, never for equality. */
export function keyHash(key: Uint8Array): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key[i]!, 0x01000193)
  return hash >>> 0
}
