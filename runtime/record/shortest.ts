/**
 * The shortest decimal digits that name a float, as PostgreSQL chooses them since version 12: strictly between the
 * middles to both neighbours (JavaScript takes the middle itself where it rounds back, and prints 1e+23 for
 * 9.999999999999999e+22), of those the nearest, of two equally near ones the even one.
 */

const FORMS = {
  float32: { fraction: 23n, bias: 127n + 23n },
  float64: { fraction: 52n, bias: 1023n + 52n },
} as const

const scratch = new DataView(new ArrayBuffer(8))

/** Of a finite value above 0 (float32: one that is such a number): its digits, and the power of ten of the first. */
export function shortestDigits(kind: 'float32' | 'float64', value: number): { digits: string; exponent: number } {
  const { middle, below, above, unit } = surroundings(kind, value)
  const first = Number(value.toExponential().split('e')[1])
  for (let count = 1; ; count++) {
    // All of it in units of the last digit, as fractions of this number.
    const power = first - count + 1
    const [scale, divisor] = power < 0 ? [10n ** BigInt(-power), unit] : [1n, unit * 10n ** BigInt(power)]
    const digits = nearest(middle * scale, divisor)
    const inside = [digits, digits + 1n].find(each => each * divisor > below * scale && each * divisor < above * scale)
    if (inside === undefined) continue
    const text = String(inside)
    return { digits: text.replace(/0+$/, ''), exponent: first + text.length - count }
  }
}

/** The value and the middles to its neighbours, as multiples of 1/`unit`. */
function surroundings(kind: 'float32' | 'float64', value: number) {
  const { fraction, bias } = FORMS[kind]
  let bits: bigint
  if (kind === 'float64') {
    scratch.setFloat64(0, value)
    bits = scratch.getBigUint64(0)
  } else {
    scratch.setFloat32(0, value)
    bits = BigInt(scratch.getUint32(0))
  }
  const rest = bits & ((1n << fraction) - 1n)
  const stored = bits >> fraction
  const whole = stored === 0n ? rest : rest | (1n << fraction)
  // Four times the value, so that the middles are whole too; below a power of two the neighbour is half as far.
  const power = (stored === 0n ? 1n : stored) - bias - 2n
  const downward = rest === 0n && stored > 1n ? 1n : 2n
  const shift = power > 0n ? power : 0n
  const [middle, below, above] = [4n * whole, 4n * whole - downward, 4n * whole + 2n].map(each => each << shift)
  return { middle: middle!, below: below!, above: above!, unit: power < 0n ? 1n << -power : 1n }
}

function nearest(value: bigint, divisor: bigint): bigint {
  const floor = value / divisor
  const twice = 2n * (value - floor * divisor)
  return twice > divisor || (twice === divisor && floor % 2n === 1n) ? floor + 1n : floor
}
