import { isUtf8 } from 'node:buffer'

/**
 * Text that PostgreSQL cannot hold, because it has a zero byte, stands there as `\x` and the hex of its UTF-8. A text that
 * would read like that is written the same way itself: every text comes back as it was. Bytes that are no text are `\x`
 * and hex too, as everywhere; they are not UTF-8, so that they are not taken for it.
 */
const HEX = /^\\x(?:[0-9a-f]{2})+$/

/** How the text from `from` to `to` is stored, if not as it is. */
export function storedForm(bytes: Buffer, from: number, to: number): string | undefined {
  const isPlain = !(bytes[from] === 0x5c && bytes[from + 1] === 0x78) && !hasZero(bytes, from, to)
  if (isPlain) return undefined
  return hasZero(bytes, from, to) || isStoredForm(bytes.toString('utf8', from, to))
    ? `\\x${bytes.toString('hex', from, to)}`
    : undefined
}

/** The text that was stored. */
export function textOfStored(stored: string): string {
  return stored.startsWith('\\x') && isStoredForm(stored) ? unhexed(stored).toString() : stored
}

function isStoredForm(text: string): boolean {
  if (!HEX.test(text)) return false
  const bytes = unhexed(text)
  return isUtf8(bytes) && (bytes.includes(0) || isStoredForm(bytes.toString()))
}

function unhexed(text: string): Buffer {
  return Buffer.from(text.slice(2), 'hex')
}

/** Longer texts are searched by the machine's own instructions. */
const SHORT = 48

function hasZero(bytes: Buffer, from: number, to: number): boolean {
  if (to - from > SHORT) return bytes.subarray(from, to).includes(0)
  for (let at = from; at < to; at++) if (bytes[at] === 0) return true
  return false
}
