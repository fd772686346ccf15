import type { CellOutput } from './cell-output.ts'

/** Bytes as text: `\x` and two digits each, as PostgreSQL prints bytea and sinks read bytes. */

const BACKSLASH = 0x5c
const LETTER_X = 0x78
const DIGITS = Buffer.from('0123456789abcdef')
const ZERO = 0x30

/** One cell of the bytes from `from` to `to`, and of `zeros` bytes 0 behind them. */
export function writeHexCell(bytes: Buffer, from: number, to: number, zeros: number, out: CellOutput): void {
  out.room(5 + 2 + 2 * (to - from + zeros))
  const content = out.begin()
  const into = out.bytes
  into[content] = BACKSLASH
  into[content + 1] = LETTER_X
  const at = putHex(bytes, from, to, into, content + 2)
  into.fill(ZERO, at, at + 2 * zeros)
  out.at = at + 2 * zeros
  out.end(content)
}

export function putHex(bytes: Buffer, from: number, to: number, into: Buffer, at: number): number {
  let position = at
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!
    into[position++] = DIGITS[byte >> 4]!
    into[position++] = DIGITS[byte & 15]!
  }
  return position
}
