/** Digits made a string at a time. */
const HEX_PIECE = 1024 * 1024

/** Whether the text is PostgreSQL's form of bytes: `\x` and hex. */
export function isHexForm(bytes: Buffer, from: number, to: number): boolean {
  return to - from >= 2 && bytes[from] === 0x5c && bytes[from + 1] === 0x78
}

/** Writes the bytes that the hex digits from `from` to `to` spell, half as many. */
export function writeHex(bytes: Buffer, from: number, to: number, into: Buffer, at: number): void {
  for (let next = from; next < to; next += HEX_PIECE)
    into.write(bytes.toString('latin1', next, Math.min(to, next + HEX_PIECE)), at + ((next - from) >> 1), 'hex')
}
