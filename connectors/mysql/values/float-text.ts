import { doubleText, floatText } from '../../../runtime/record/mysql-float.ts'
import type { CellOutput } from './cell-output.ts'
import { putInteger, putPadded } from './digits.ts'

/** Floats (runtime/record/mysql-float.ts) as cells. */

/** One whole cell. */
export function writeDouble(value: number, out: CellOutput): void {
  if (!writeShort(value, false, MOST_EXACT, out)) out.ascii(doubleText(value))
}

export function writeFloat(value: number, out: CellOutput): void {
  if (!writeShort(value, true, MOST_DIGITS, out)) out.ascii(floatText(value))
}

/** Most numbers of people have few digits behind the point; for those there is no text to be made first. */
const BEHIND = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000] as const
const SMALLEST = 1e-6
/** Below these no two numbers of so many digits are one float. */
const MOST_EXACT = 1e15
const MOST_DIGITS = 1e6
/** Head of a cell, sign, digits and point. */
const ROOM = 32

const POINT_SIGN = 0x2e
const MINUS = 0x2d

function writeShort(value: number, isSingle: boolean, most: number, out: CellOutput): boolean {
  const size = Math.abs(value)
  if (!(size >= SMALLEST && size < most)) return false
  for (let places = 0; places < BEHIND.length; places++) {
    const scale = BEHIND[places]!
    const digits = Math.round(size * scale)
    if (digits >= most) return false
    // Both are whole: the quotient is the number that the digits name.
    const named = digits / scale
    if ((isSingle ? Math.fround(named) : named) !== size) continue
    out.room(ROOM)
    const content = out.begin()
    const into = out.bytes
    let to = content
    if (value < 0) into[to++] = MINUS
    const whole = Math.floor(digits / scale)
    to = putInteger(into, to, whole)
    if (places > 0) {
      into[to++] = POINT_SIGN
      to = putPadded(into, to, digits - whole * scale, places)
    }
    out.at = to
    out.end(content)
    return true
  }
  return false
}
