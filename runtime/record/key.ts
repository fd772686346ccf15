import type { Table } from '../contract.ts'
import { cellEnd, contentAt, encodeCells, malformed } from './cells.ts'
import { CellTag } from './layout.ts'

/**
 * Canonical keys: the cells of the key columns, in the order of `Table.key`, one behind the other (layout.ts). Equal
 * keys have equal bytes and different keys different bytes, also across column borders and against invalid text.
 */

/** Where the key columns stand next to each other in a tuple and in key order: the first and the last of them. */
export function keyRun(table: Table): { first: number; last: number } | undefined {
  const [first] = table.key
  if (first === undefined) return undefined
  for (let i = 1; i < table.key.length; i++) if (table.key[i] !== first + i) return undefined
  return { first, last: first + table.key.length - 1 }
}

/** Starts of the cells of a tuple of this table, and the end, into `starts` (one longer than the columns). */
export function indexCells(bytes: Uint8Array, at: number, end: number, columns: number, starts: Float64Array): void {
  let position = at
  for (let column = 0; column < columns; column++) {
    if (position >= end) throw malformed(`fewer cells than the table has columns (${column} of ${columns})`, position)
    starts[column] = position
    position = cellEnd(bytes, position, end)
  }
  if (position !== end) throw malformed('more cells than the table has columns', position)
  starts[columns] = position
}

/** The key of a tuple whose cells were indexed, copied. Throws if a key cell holds no value. */
export function keyOf(table: Table, bytes: Uint8Array, starts: Float64Array): Uint8Array {
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

export function requireValue(table: Table, tag: number | undefined, column: number): void {
  if (tag === CellTag.text || tag === CellTag.bytes) return
  throw malformed(`no value in key column "${table.columns[column]?.name}" of ${table.name}`, column)
}

/** A key from the text of its columns, in key order. */
export function keyFromTexts(texts: readonly string[]): Uint8Array {
  return encodeCells(texts)
}

/** The text of each key column. Bytes that are not text come as `\x` and hex. */
export function keyTexts(key: Uint8Array): string[] {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.length)
  const texts: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = cellEnd(bytes, at, bytes.length)
    const content = contentAt(bytes, at)
    if (bytes[at] === CellTag.text) texts.push(bytes.toString('utf8', content, end))
    else texts.push(`\\x${bytes.toString('hex', content, end)}`)
    at = end
  }
  return texts
}

/**
 * The key as one text for document ids, cache keys and people: the column's text, composite keys joined by `|` with
 * `%`, `|` and control characters percent-escaped in each part, so different keys stay different.
 */
export function keyText(key: Uint8Array): string {
  const texts = keyTexts(key)
  if (texts.length === 1) return texts[0]!
  return texts.map(escapePart).join('|')
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
