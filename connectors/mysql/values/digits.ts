/** Decimal digits of integers, written in place. The caller has made sure of the room; each answers where they end. */

const ZERO = 0x30
const MINUS = 0x2d
/** Of an integer of 64 bits: 19 or 20, and a sign. */
export const MOST_DIGITS = 20

/** Up to here the numbers are integers to the machine, too. */
const SMALL = 0x7fff_ffff

/** `count` digits, with zeros in front. */
export function putPadded(into: Uint8Array, at: number, value: number, count: number): number {
  let end = at + count
  let rest = value
  while (rest > SMALL) {
    const tenth = Math.floor(rest / 10)
    into[--end] = ZERO + (rest - tenth * 10)
    rest = tenth
  }
  rest |= 0
  while (end > at) {
    const tenth = (rest / 10) | 0
    into[--end] = ZERO + (rest - tenth * 10)
    rest = tenth
  }
  return at + count
}

/** Two digits of a number below 100. */
export function putTwo(into: Uint8Array, at: number, value: number): number {
  const tens = (value * 103) >> 10
  into[at] = ZERO + tens
  into[at + 1] = ZERO + value - tens * 10
  return at + 2
}

/** A safe integer. */
export function putInteger(into: Uint8Array, at: number, value: number): number {
  let from = at
  let size = value
  if (value < 0) {
    into[from++] = MINUS
    size = -value
  }
  let count = 1
  if (size <= SMALL) for (let rest = size | 0; rest >= 10; rest = (rest / 10) | 0) count++
  else for (let limit = 10; limit <= size; limit *= 10) count++
  return putPadded(into, from, size, count)
}

const BILLION = 1_000_000_000
const HALF = 0x1_0000

/** An unsigned integer of 64 bits, from its halves. */
export function putUnsigned64(into: Uint8Array, at: number, high: number, low: number): number {
  if (high < 0x20_0000) return putInteger(into, at, high * 0x1_0000_0000 + low)
  // By long division in pieces of 16 bits: each step is exact as a number.
  let a = high >>> 16
  let b = high & 0xffff
  let c = low >>> 16
  let d = low & 0xffff
  let rest = a
  a = Math.floor(rest / BILLION)
  rest = (rest - a * BILLION) * HALF + b
  b = Math.floor(rest / BILLION)
  rest = (rest - b * BILLION) * HALF + c
  c = Math.floor(rest / BILLION)
  rest = (rest - c * BILLION) * HALF + d
  d = Math.floor(rest / BILLION)
  const last = rest - d * BILLION
  // What is left has 35 bits: at most 18,446,744,073.
  const above = c * HALF + d + b * 0x1_0000_0000
  return putPadded(into, putInteger(into, at, above), last, 9)
}

/** A signed integer of 64 bits, from its halves; both are taken as unsigned. */
export function putSigned64(into: Uint8Array, at: number, high: number, low: number): number {
  if (high < 0x8000_0000) return putUnsigned64(into, at, high, low)
  into[at] = MINUS
  const carry = low === 0 ? 1 : 0
  return putUnsigned64(into, at + 1, (~high + carry) >>> 0, (~low + 1) >>> 0)
}
