import type { SQLInputValue, SQLOutputValue } from 'node:sqlite'
import type { ChangeView, Column } from '../../runtime/contract.ts'
import { bytesOfHex } from '../../runtime/record/hex.ts'
import { CellTag } from '../../runtime/record/layout.ts'
import { booleanText, floatText, mysqlFloatText } from '../../runtime/record/text.ts'
import type { RowCells } from './row-cells.ts'

/**
 * Values in SQLite, so that each comes back as the text it was:
 *
 *   integers, booleans   INTEGER, all 64 bits; booleans 1 and 0
 *   floats               REAL where the database's text of that number is the text; else TEXT (NaN)
 *   unsigned 64 bit      INTEGER up to 2^63-1, TEXT beyond
 *   bytes                BLOB
 *   everything else      TEXT as the database printed it, also what a mask left; bytes that are not text as \x and hex
 *
 * Tables are STRICT: a value of another type is refused, never converted. A column whose type changes later becomes
 * ANY and keeps what it holds.
 */
export type Storage = 'INTEGER' | 'TEXT' | 'BLOB' | 'ANY'

export function storageOf({ type, masked }: Column): Storage {
  if (masked === true) return 'TEXT'
  switch (type.kind) {
    case 'boolean':
    case 'int16':
    case 'int32':
    case 'int64':
      return 'INTEGER'
    case 'bytes':
      return 'BLOB'
    case 'uint64':
    case 'float32':
    case 'float64':
      return 'ANY'
    default:
      return 'TEXT'
  }
}

/** What is bound for the cell at hand, which holds a value. */
export type Binder = (cell: RowCells) => SQLInputValue

export function binderOf(column: Column, storage: Storage): Binder {
  const convert = converterOf(column, storage)
  if (convert === bytesValue) return bindBytes
  if (convert === integerValue) return cell => cell.integer() ?? cell.text()
  if (convert === undefined) return cell => cell.text()
  return cell => convert(cell.text())
}

/** The same for a key's text; undefined: the text itself. */
export function converterOf(
  { type, masked, declared }: Column,
  storage: Storage,
): ((text: string) => SQLInputValue) | undefined {
  if (masked === true) return undefined
  switch (type.kind) {
    case 'boolean':
      return booleanValue
    case 'int16':
    case 'int32':
    case 'int64':
      return storage === 'INTEGER' ? integerValue : exactInteger
    case 'uint64':
      return exactInteger
    case 'float32':
    case 'float64': {
      const { kind } = type
      return text => floatValue(kind, declared, text)
    }
    case 'bytes':
      return bytesValue
    default:
      return undefined
  }
}

/** From this size on a value does not go through a text, nor is it bound. */
export const LARGE_CELL = 1024 * 1024

/** What a large cell is stored as; undefined where it has to go the common way. */
export type LargeBinder = (cell: RowCells) => Uint8Array | undefined

export function largeBinderOf(column: Column, storage: Storage): LargeBinder {
  const convert = converterOf(column, storage)
  if (convert === bytesValue) return ({ content }) => bytesOfHex(content, 0, content.length)
  if (convert === undefined && storage === 'TEXT') return cell => (cell.isText ? cell.content : undefined)
  return () => undefined
}

function bindBytes(cell: RowCells): SQLInputValue {
  const text = cell.text()
  // Text that is not in hex is the bytes themselves.
  return text.startsWith('\\x') ? bytesValue(text) : Buffer.from(cell.content)
}

function bytesValue(text: string): SQLInputValue {
  return text.startsWith('\\x') ? Buffer.from(text.slice(2), 'hex') : Buffer.from(text)
}

/** What is not a boolean stays text, and is refused by the column. */
function booleanValue(text: string): SQLInputValue {
  if (text === 't' || text === '1' || text === 'true') return 1
  return text === 'f' || text === '0' || text === 'false' ? 0 : text
}

const SAFE_DIGITS = 15

/** For an INTEGER column, which makes an integer of a whole double or of a text. */
function integerValue(text: string): SQLInputValue {
  if (text.length > SAFE_DIGITS) return text
  const value = Number(text)
  return String(value) === text ? value : text
}

const LARGEST = 2n ** 63n - 1n
const INTEGER = /^-?\d+$/

function exactInteger(text: string): SQLInputValue {
  if (!INTEGER.test(text)) return text
  const value = BigInt(text)
  return value > LARGEST || value < -LARGEST - 1n || String(value) !== text ? text : value
}

function floatValue(kind: 'float32' | 'float64', declared: string, text: string): SQLInputValue {
  const value = Number(text)
  // SQLite stores NaN as NULL.
  return Number.isNaN(value) || printed(kind, declared, value) !== text ? text : value
}

function printed(kind: 'float32' | 'float64', declared: string, value: number): string {
  return mysqlFloatText(kind, declared, value) ?? floatText(kind, value)
}

/** The database's text of a stored value. */
export function textOfValue({ type, declared }: Column, value: SQLOutputValue): string | null {
  if (value === null) return null
  if (typeof value === 'bigint') return type.kind === 'boolean' ? booleanText(declared, value !== 0n) : String(value)
  if (typeof value === 'number') return printed(type.kind === 'float32' ? 'float32' : 'float64', declared, value)
  if (typeof value === 'string') return value
  return `\\x${Buffer.from(value).toString('hex')}`
}

/**
 * What becomes of a value's text on its way into the database and back, for columns where that may be another text than
 * databases print.
 */
export function shownOf(column: Column): ((text: string) => string) | undefined {
  const convert = converterOf(column, storageOf(column))
  if (convert === integerValue) return text => (INTEGER.test(text) ? String(BigInt(text)) : text)
  if (convert !== booleanValue && convert !== bytesValue) return undefined
  return text => {
    const value = convert(text) as SQLOutputValue
    // Read from an INTEGER column it is a bigint.
    return textOfValue(column, typeof value === 'number' ? BigInt(value) : value)!
  }
}

export function isAbsent(change: ChangeView, column: number): boolean {
  return change.tag(column) === CellTag.absent
}
