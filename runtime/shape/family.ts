import type { Column } from '../contract.ts'
import type { Literal } from './condition.ts'
import { compareMoments, dateOf, instantOf, type Moment, timeOf, timestampOf, zonedTimeOf } from './moment.ts'
import { compareExact, exactOf } from './number.ts'

/** Values that compare with each other. */
export interface Family<V = unknown> {
  /** For people, with an article. */
  readonly name: string
  /** Undefined for text that is no value of it. */
  readonly of: (text: string) => V | undefined
  readonly compare: (a: V, b: V) => number
  /** `<` means something. */
  readonly isOrdered: boolean
  /** Literals of it, beside text in quotes. */
  readonly literals: readonly Literal['kind'][]
  /** A literal as it is to be written. */
  readonly example: string
}

const same = (a: unknown, b: unknown): number => (a === b ? 0 : 1)
const itself = (text: string): string => text

const NUMBERS = family('a number', exactOf, compareExact, '10.5', { literals: ['number'] })
const TEXTS = family('a text', itself, compareCodePoints, "'text'")
const LABELS = family('a label', itself, same, "'label'", { isOrdered: false })
const OTHERS = family('a value of a type of its own', itself, same, "'text'", { isOrdered: false })
const BITS = family('a string of bits', itself, same, "'0101'", { isOrdered: false })
const BOOLEANS = family('a boolean', truthText, same, 'true', { isOrdered: false, literals: ['boolean', 'number'] })
const UUIDS = family('a uuid', uuidOf, same, "'6f9619ff-8b86-d011-b42d-00cf4fc964ff'", { isOrdered: false })
const BYTES = family('a run of bytes', hexOf, same, "'\\x00ff'", { isOrdered: false })

const moments = (name: string, of: (text: string) => Moment | undefined, example: string): Family<Moment> =>
  family(name, of, compareMoments, example)
const DATES = moments('a date', dateOf, "'2026-01-31'")
const TIMESTAMPS = moments('a timestamp', timestampOf, "'2026-01-31 10:00:00'")
const INSTANTS = moments('a timestamp with a zone', instantOf, "'2026-01-31 10:00:00+00'")
const TIMES = moments('a time', timeOf, "'10:00:00'")
const ZONED_TIMES = moments('a time with a zone', zonedTimeOf, "'10:00:00+00'")

/** Undefined for types whose values do not compare by their text: JSON, XML, arrays, intervals. */
export function familyOf({ type, masked }: Column): Family | undefined {
  // What a mask left is text whatever the type.
  if (masked === true) return TEXTS as Family
  switch (type.kind) {
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint64':
    case 'float32':
    case 'float64':
    case 'decimal':
      return NUMBERS as Family
    case 'boolean':
      return BOOLEANS as Family
    case 'text':
      return TEXTS as Family
    case 'other':
      return OTHERS as Family
    case 'enum':
      return LABELS as Family
    case 'bits':
      return BITS as Family
    case 'uuid':
      return UUIDS as Family
    case 'bytes':
      return BYTES as Family
    case 'date':
      return DATES as Family
    case 'timestamp':
      return TIMESTAMPS as Family
    case 'timestamptz':
      return INSTANTS as Family
    case 'time':
      return TIMES as Family
    case 'timetz':
      return ZONED_TIMES as Family
    default:
      return undefined
  }
}

/** Of a literal beside no column. */
export function literalFamily({ kind }: Literal): Family | undefined {
  if (kind === 'number') return NUMBERS as Family
  if (kind === 'text') return TEXTS as Family
  return kind === 'boolean' ? (BOOLEANS as Family) : undefined
}

/** Its value in the family; undefined if it has none there. */
export function literalValue(family: Family, literal: Literal): unknown {
  if (literal.kind === 'null') return undefined
  if (literal.kind !== 'text' && !family.literals.includes(literal.kind)) return undefined
  if (!isBoolean(family)) return literal.kind === 'boolean' ? undefined : family.of(literal.text)
  const text = literal.kind === 'boolean' ? String(literal.value) : truthText(literal.text)
  return text === 'true' || text === 'false' ? text : undefined
}

/** `t`, `true` and 1 are one truth; MySQL's booleans are small numbers and may be others. */
export function truthText(text: string): string {
  if (text === 't' || text === 'true' || text === '1') return 'true'
  return text === 'f' || text === 'false' || text === '0' ? 'false' : text
}

export function isBoolean(family: Family | undefined): boolean {
  return family?.name === BOOLEANS.name
}

export function isText(family: Family | undefined): boolean {
  return [TEXTS, LABELS, OTHERS].some(({ name }) => name === family?.name)
}

function family<V>(
  name: string,
  of: (text: string) => V | undefined,
  compare: (a: V, b: V) => number,
  example: string,
  { isOrdered = true, literals = [] }: Partial<Pick<Family, 'isOrdered' | 'literals'>> = {},
): Family<V> {
  return { name, of, compare, isOrdered, literals, example }
}

/** By code points, which is the order of the bytes of UTF-8; no collation. */
function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)]
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

/** Halves of a pair stand for code points behind all that take one unit. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

function uuidOf(text: string): string | undefined {
  return /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/.test(text) ? text.toLowerCase() : undefined
}

/** `\x` and hex as PostgreSQL prints them; other text is the bytes themselves. */
function hexOf(text: string): string {
  return /^\\x(?:[0-9a-fA-F]{2})*$/.test(text) ? text.slice(2).toLowerCase() : Buffer.from(text).toString('hex')
}
