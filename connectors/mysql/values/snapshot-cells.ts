import type { CellOutput } from './cell-output.ts'
import { parseDeclared } from './declared.ts'
import { writeDouble, writeFloat } from './float-text.ts'
import { isBytes } from './logical-type.ts'
import { writeBytes } from './strings.ts'
import type { WriteText } from './text.ts'
import { writeVector } from './vector.ts'

/** Cells of rows that a SELECT brought, byte for byte those of the binary log. */

/** For every session that reads rows. */
export const SNAPSHOT_SESSION = "SET character_set_results = utf8mb4, time_zone = '+00:00', sql_mode = ''"

/**
 * What to select of a column, in that session. `name`: quoted. `charset`: of columns of text, and of enum and set: of
 * another one than that of the session the bytes are asked for and converted here, as those of the log are, so that one
 * that is invalid in its character set is the same cell, too, and not a question mark.
 */
export function selectExpression(declared: string, name: string, charset: string | undefined): string {
  if (charset !== undefined && charset !== 'utf8mb4') return `CAST(${name} AS BINARY)`
  const type = parseDeclared(declared).name
  // The column alone would be printed with six digits, or as many as FLOAT(M,D) says; adding 0 would lose a sign.
  return type === 'float' || type === 'double' ? `${name} * 1e0` : name
}

/** Writes the value of `length` bytes that begins at `at`, and is not null, as one whole cell. */
export interface TextReader {
  read(bytes: Buffer, at: number, length: number, out: CellOutput): void
}

const ZERO = 0x30
const POINT = 0x2e
const UTC = Buffer.from('+00')
/** `0000` as a number, as it stands in a zero date. */
const ZERO_YEAR = 0x3030_3030

/** `write`: of the column's character set, for columns of text, and of enum and set. Throws CHARSET_UNKNOWN. */
export function textReader(declared: string, write: WriteText | undefined): TextReader {
  const { name, numbers } = parseDeclared(declared)
  if (isBytes(declared)) return { read: (bytes, at, length, out) => writeBytes(bytes, at, at + length, out) }
  switch (name) {
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int':
    case 'bigint':
    case 'decimal':
    case 'year':
      return { read: readNumber }
    case 'float':
      return { read: (bytes, at, length, out) => writeFloat(Math.fround(numberAt(bytes, at, length)), out) }
    case 'double':
      return { read: (bytes, at, length, out) => writeDouble(numberAt(bytes, at, length), out) }
    case 'bit':
      return { read: bitsOfBytes(numbers[0] ?? 1) }
    case 'timestamp':
      return { read: readTimestamp }
    case 'vector':
      return { read: (bytes, at, length, out) => writeVector(bytes, at, at + length, out) }
    default:
      return write === undefined
        ? { read: (bytes, at, length, out) => out.copy(bytes, at, at + length) }
        : { read: (bytes, at, length, out) => write(bytes, at, at + length, out) }
  }
}

/** Without the zeros that ZEROFILL, and YEAR for the year 0, put in front. */
function readNumber(bytes: Buffer, at: number, length: number, out: CellOutput): void {
  const end = at + length
  let from = at
  while (from + 1 < end && bytes[from] === ZERO && bytes[from + 1] !== POINT) from++
  out.copy(bytes, from, end)
}

function numberAt(bytes: Buffer, at: number, length: number): number {
  return Number(bytes.toString('latin1', at, at + length))
}

/** BIT comes as bytes, big-endian, whatever the column's width. */
function bitsOfBytes(bits: number): TextReader['read'] {
  return (bytes, at, length, out) => {
    out.room(5 + bits)
    const content = out.begin()
    const into = out.bytes
    let to = content
    for (let bit = bits - 1; bit >= 0; bit--) {
      const byte = length - 1 - (bit >> 3)
      into[to++] = byte >= 0 && (bytes[at + byte]! >> (bit & 7)) & 1 ? ZERO + 1 : ZERO
    }
    out.at = to
    out.end(content)
  }
}

/** Zero dates have no zone. */
function readTimestamp(bytes: Buffer, at: number, length: number, out: CellOutput): void {
  const isZero = length >= 4 && bytes.readUInt32BE(at) === ZERO_YEAR
  out.room(5 + length + UTC.length)
  const content = out.begin()
  let to = content + bytes.copy(out.bytes, content, at, at + length)
  if (!isZero) to += UTC.copy(out.bytes, to)
  out.at = to
  out.end(content)
}
