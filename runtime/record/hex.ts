const BACKSLASH = 0x5c
const LETTER_X = 0x78

/** Value of each hexadecimal digit; 255 for what is none. */
const DIGITS = new Uint8Array(256).fill(255)
for (let digit = 0; digit < 16; digit++) {
  DIGITS[digit.toString(16).charCodeAt(0)] = digit
  DIGITS[digit.toString(16).toUpperCase().charCodeAt(0)] = digit
}

/**
 * The bytes that `\x` and hexadecimal digits stand for, as PostgreSQL prints bytea; undefined if that is not what stands
 * there. Without a text in between: they may be large.
 */
export function bytesOfHex(text: Uint8Array, from: number, to: number): Buffer | undefined {
  const length = (to - from - 2) / 2
  if (length < 0 || !Number.isInteger(length) || text[from] !== BACKSLASH || text[from + 1] !== LETTER_X)
    return undefined
  const bytes = Buffer.allocUnsafeSlow(length)
  let wrong = 0
  for (let i = 0, at = from + 2; i < length; i++, at += 2) {
    const high = DIGITS[text[at]!]!
    const low = DIGITS[text[at + 1]!]!
    wrong |= high | low
    bytes[i] = (high << 4) | low
  }
  return (wrong & 0xf0) === 0 ? bytes : undefined
}
