/**
 * Numbers as databases print them, compared exactly: of any length, with `NaN` equal to itself and above all others, as
 * PostgreSQL has it (https://www.postgresql.org/docs/current/datatype-numeric.html). Short whole numbers are numbers.
 */
export type Exact = number | Digits

/** `sign` times 0.`digits` times ten to the power of `point`. NaN has the sign 2, an infinity the point Infinity. */
interface Digits {
  readonly sign: -1 | 0 | 1 | 2
  readonly point: number
  /** Without zeros in front and behind. */
  readonly digits: string
}

const SHORT = /^-?\d{1,15}$/
const DECIMAL = /^([+-]?)(?=\.?\d)(\d*)\.?(\d*)(?:[eE]([+-]?\d{1,9}))?$/
const INFINITE = /^([+-]?)inf(?:inity)?$/i

/** Undefined for what is no number. */
export function exactOf(text: string): Exact | undefined {
  return SHORT.test(text) ? Number(text) : digitsOf(text)
}

function digitsOf(text: string): Digits | undefined {
  const match = DECIMAL.exec(text)
  if (match === null) {
    if (/^nan$/i.test(text)) return { sign: 2, point: 0, digits: '' }
    const infinite = INFINITE.exec(text)
    return infinite === null ? undefined : { sign: infinite[1] === '-' ? -1 : 1, point: Infinity, digits: '' }
  }
  const [, sign, whole = '', fraction = '', exponent = '0'] = match
  const all = whole + fraction
  const digits = all.replace(/^0+/, '')
  if (digits === '') return { sign: 0, point: 0, digits: '' }
  const point = whole.length - (all.length - digits.length) + Number(exponent)
  return { sign: sign === '-' ? -1 : 1, point, digits: digits.replace(/0+$/, '') }
}

export function compareExact(a: Exact, b: Exact): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  const [x, y] = [asDigits(a), asDigits(b)]
  if (x.sign !== y.sign) return x.sign - y.sign
  const size = x.point === y.point ? compareTexts(x.digits, y.digits) : x.point > y.point ? 1 : -1
  return x.sign === -1 ? -size : size
}

function asDigits(value: Exact): Digits {
  return typeof value === 'number' ? digitsOf(String(value))! : value
}

function compareTexts(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}
