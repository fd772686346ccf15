import { shortestDigits } from './shortest.ts'

/**
 * Floats as MySQL and MariaDB print them: the shortest digits that name the number, with an exponent (no sign, no zeros) where
 * the point would stand more than 15 places from the digits (`my_gcvt` of strings/dtoa.cc).
 */

/** Places of the point between which there is no exponent. */
const POINT = { from: -14, to: 15 } as const

/** Of a DOUBLE. The servers hold neither NaN nor infinities, and print what is one as 0. */
export function doubleText(value: number): string {
  const size = Math.abs(value)
  // Where JavaScript has no exponent either.
  if (size >= 1e-6 && size < 1e15) return String(value)
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  if (!Number.isFinite(value)) return '0'
  return fromExponential(size.toExponential(), value < 0)
}

/** Digits that tell most floats of 32 bits apart, and all of them. */
const FEW = 6
const ALL = 9

const scratch = new DataView(new ArrayBuffer(4))

/**
 * Of a FLOAT: shortest among the floats of 32 bits. The servers themselves print six digits, which name another number
 * for most of them; so the source's loads ask for all of it.
 */
export function floatText(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return doubleText(value)
  const size = Math.abs(value)
  if (Number.isInteger(size) && size < 0x100_0000) return String(value)
  scratch.setFloat32(0, size)
  const bits = scratch.getUint32(0)
  // Powers of two have a nearer neighbour below, the smallest floats few digits: the nearest may not be the shortest.
  if ((bits & 0x7f_ffff) === 0 || bits < 0x80_0000) {
    const { digits, exponent } = shortestDigits('float32', size)
    return fromDigits(digits, exponent + 1, value < 0)
  }
  for (let count = FEW; count < ALL; count++) {
    const text = size.toExponential(count - 1)
    if (Math.fround(Number(text)) === size) return fromExponential(text, value < 0)
  }
  return fromExponential(size.toExponential(ALL - 1), value < 0)
}

function fromExponential(text: string, isNegative: boolean): string {
  const [mantissa, exponent] = text.split('e') as [string, string]
  const digits = mantissa.replace('.', '').replace(/0+$/, '')
  return fromDigits(digits, Number(exponent) + 1, isNegative)
}

/** The number is 0.`digits` times ten to the power of `point`. */
function fromDigits(digits: string, point: number, isNegative: boolean): string {
  const sign = isNegative ? '-' : ''
  if (point < POINT.from || (point > POINT.to && digits.length <= point)) {
    const fraction = digits.length === 1 ? '' : `.${digits.slice(1)}`
    return `${sign}${digits[0]}${fraction}e${point - 1}`
  }
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`
  if (digits.length <= point) return `${sign}${digits.padEnd(point, '0')}`
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`
}
