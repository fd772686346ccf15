import type { PlacedRow } from './row-groups.ts'
import type { RowTexts, TextTaker } from './row-texts.ts'

const PIECE_BYTES = 256 * 1024

const TAB = 0x09
const NEWLINE = 0x0a
const RETURN = 0x0d
const BACKSLASH = 0x5c
const UPPER_N = 0x4e

/** What stands behind a backslash for these; 0: the byte is written as it is. */
const ESCAPES = new Uint8Array(256)
ESCAPES[TAB] = 0x74
ESCAPES[NEWLINE] = 0x6e
ESCAPES[RETURN] = 0x72
ESCAPES[BACKSLASH] = BACKSLASH

/** Rows in the text form of COPY, in pieces. https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-FILE-FORMATS */
export class CopyText implements TextTaker {
  #bytes = Buffer.allocUnsafe(2 * PIECE_BYTES)
  #at = 0

  null(column: number): void {
    this.#begin(column, 2)
    this.#bytes[this.#at++] = BACKSLASH
    this.#bytes[this.#at++] = UPPER_N
  }

  bytes(column: number, from: Buffer, start: number, end: number): void {
    this.#begin(column, 2 * (end - start))
    const into = this.#bytes
    let at = this.#at
    for (let i = start; i < end; i++) {
      const byte = from[i]!
      const letter = ESCAPES[byte]!
      if (letter === 0) into[at++] = byte
      else {
        into[at++] = BACKSLASH
        into[at++] = letter
      }
    }
    this.#at = at
  }

  *pieces(texts: RowTexts, rows: readonly PlacedRow[]): Generator<Buffer> {
    for (const row of rows) {
      texts.read(row, this)
      this.#bytes[this.#at++] = NEWLINE
      if (this.#at >= PIECE_BYTES) yield this.#take()
    }
    if (this.#at > 0) yield this.#take()
  }

  /** Room for the value, what is between it and the one before, and the end of the row. */
  #begin(column: number, size: number): void {
    if (this.#at + size + 2 > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#at + size + 2))
      this.#bytes.copy(larger, 0, 0, this.#at)
      this.#bytes = larger
    }
    if (column > 0) this.#bytes[this.#at++] = TAB
  }

  /** The server's socket may hold it for a while. */
  #take(): Buffer {
    const piece = this.#bytes.subarray(0, this.#at)
    this.#bytes = Buffer.allocUnsafe(2 * PIECE_BYTES)
    this.#at = 0
    return piece
  }
}
