import { TailraceError } from '../../../runtime/errors.ts'
import { parseDeclared } from './declared.ts'
import { isBytes } from './logical-type.ts'

/**
 * A literal of SQL for the text of a cell, which the server compares with the column under the column's own collation and
 * by its index: constants give way to columns. Nothing of the text stands in it unless it has just been seen to be a
 * number or a time; the rest is hex. For sessions as SNAPSHOT_SESSION makes them. Throws KEY_UNSUPPORTED.
 */
export function keyLiteral(declared: string, text: string): string {
  const { name, labels } = parseDeclared(declared)
  if (isBytes(declared)) return checked(declared, /^\\x(?:[0-9a-f]{2})*$/.test(text), `X'${text.slice(2)}'`)
  switch (name) {
    case 'tinyint':
    case 'smallint':
    case 'mediumint':
    case 'int':
    case 'bigint':
    case 'year':
      return checked(declared, /^-?\d{1,20}$/.test(text), text)
    case 'decimal':
      return checked(declared, /^-?\d{1,65}(?:\.\d{1,38})?$/.test(text), text)
    case 'float':
      // All of the number that the column has, not only the digits that tell it from its neighbours.
      return checked(declared, FLOAT.test(text), exponential(Math.fround(Number(text))))
    case 'double':
      return checked(declared, FLOAT.test(text), exponential(Number(text)))
    case 'bit':
      // As a whole number: b'...' is compared as one with a point, of which 53 bits count.
      return `${BigInt(`0b${checked(declared, /^[01]{1,64}$/.test(text), text)}`)}`
    case 'enum':
      return enumLiteral(declared, labels, text)
    case 'set':
      return setLiteral(declared, labels, text)
    case 'date':
    case 'datetime':
    case 'time':
      return checked(declared, TIME.test(text), `'${text}'`)
    case 'timestamp':
      return checked(declared, TIME.test(text.replace(/\+00$/, '')), `'${text.replace(/\+00$/, '')}'`)
    case 'uuid':
    case 'inet4':
    case 'inet6':
      return checked(declared, /^[0-9a-f:.-]{2,45}$/.test(text), `'${text}'`)
    case 'char':
    case 'varchar':
    case 'tinytext':
    case 'text':
    case 'mediumtext':
    case 'longtext':
      return `_utf8mb4 X'${Buffer.from(text).toString('hex')}'`
    default:
      throw keyUnsupported(declared)
  }
}

/** The number of the label: that is what ENUM is ordered by. An empty text may be a label, and is no label at all. */
function enumLiteral(declared: string, labels: readonly string[], text: string): string {
  const number = labels.indexOf(text) + 1
  return checked(declared, number > 0 !== (text === ''), String(number))
}

/** A bit for each label. */
function setLiteral(declared: string, labels: readonly string[], text: string): string {
  const bits = text === '' ? [] : text.split(',').map(label => labels.indexOf(label))
  return checked(declared, !bits.includes(-1), String(bits.reduce((sum, bit) => sum | (1n << BigInt(bit)), 0n)))
}

/** For a cell of bytes that are no text in the column's character set: compared byte by byte. */
export function rawKeyLiteral(bytes: Uint8Array): string {
  return `X'${Buffer.from(bytes).toString('hex')}'`
}

const FLOAT = /^-?\d{1,40}(?:\.\d{1,40})?(?:e-?\d{1,3})?$/
const TIME = /^[0-9:. -]{8,30}$/

/** A literal with an exponent is a double; without one it is a decimal. */
function exponential(value: number): string {
  return Object.is(value, -0) ? '-0e0' : value.toExponential().replace('e+', 'e')
}

function checked(declared: string, isValue: boolean, literal: string): string {
  if (!isValue) throw keyUnsupported(declared)
  return literal
}

function keyUnsupported(declared: string): TailraceError {
  return new TailraceError(
    'KEY_UNSUPPORTED',
    'stop',
    `A key of type ${declared} has a value that cannot be looked up.`,
    {
      hint: 'Please report it. `exclude` leaves the table out.',
    },
  )
}
