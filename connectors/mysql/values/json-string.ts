import { type CellOutput, putAscii } from './cell-output.ts'

/** Parts of the text of a JSON document, written from `out.at` on. */

const QUOTE = 0x22
const BACKSLASH = 0x5c
const ZERO = 0x30
const LETTER_U = 0x75
const DIGITS = Buffer.from('0123456789abcdef')
/** Letter behind the backslash, of control characters that have one. */
const LETTERS = new Uint8Array(32)
for (const [letter, code] of [
  ['b', 8],
  ['t', 9],
  ['n', 10],
  ['f', 12],
  ['r', 13],
] as const)
  LETTERS[code] = letter.charCodeAt(0)

/** Bytes between two looks at the room. */
const PIECE = 4096

/** A few letters, all of them ASCII. */
export function putWord(text: string, out: CellOutput): void {
  out.room(text.length)
  out.at = putAscii(out.bytes, out.at, text)
}

/** UTF-8 from `from` to `to`, quoted and with as few escapes as the server writes (`double_quote` of json_dom.cc). */
export function putJsonString(bytes: Buffer, from: number, to: number, out: CellOutput): void {
  out.room(1)
  out.bytes[out.at++] = QUOTE
  for (let at = from; at < to; at += PIECE) putEscaped(bytes, at, Math.min(at + PIECE, to), out)
  out.room(1)
  out.bytes[out.at++] = QUOTE
}

function putEscaped(bytes: Buffer, from: number, to: number, out: CellOutput): void {
  out.room(6 * (to - from))
  const into = out.bytes
  let position = out.at
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!
    if (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) {
      into[position++] = byte
      continue
    }
    into[position++] = BACKSLASH
    if (byte >= 0x20) into[position++] = byte
    else if (LETTERS[byte] !== 0) into[position++] = LETTERS[byte]!
    else {
      into[position++] = LETTER_U
      into[position++] = ZERO
      into[position++] = ZERO
      into[position++] = DIGITS[byte >> 4]!
      into[position++] = DIGITS[byte & 15]!
    }
  }
  out.at = position
}

/** Bytes of a line of the server's base64, of 76 letters. */
const LINE = 57

/** Quoted, with the server's line breaks, which the quoting escapes. */
export function putBase64(head: string, bytes: Buffer, from: number, to: number, out: CellOutput): void {
  putWord(`"${head}`, out)
  for (let at = from; at < to; at += LINE) {
    if (at > from) putWord('\\n', out)
    putWord(bytes.toString('base64', at, Math.min(at + LINE, to)), out)
  }
  putWord('"', out)
}
