import type { Flavor } from '../wire-column.ts'

/**
 * A column's type in one canonical form, whichever way it became known: `int unsigned`, `varchar(40)`, `datetime(6)`,
 * `enum('a','it''s')`. What changes only how the server prints a value is left out: display widths, ZEROFILL, and the
 * digits of FLOAT(M,D) and DOUBLE(M,D), which the binary log does not know.
 */
export interface DeclaredType {
  /** `int`, `varchar` ... */
  readonly name: string
  readonly unsigned: boolean
  /** Length, precision and scale, digits of a second, bits, dimensions. */
  readonly numbers: readonly number[]
  /** Of enum and set. */
  readonly labels: readonly string[]
}

/** Other names that information_schema has. */
const NAMES: Readonly<Record<string, string>> = { geomcollection: 'geometrycollection', integer: 'int', real: 'double' }
/** Types whose numbers say how a value is printed, not what it is. */
const WITHOUT_NUMBERS = new Set([
  ...['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'year', 'float', 'double'],
  ...['tinytext', 'text', 'mediumtext', 'longtext', 'tinyblob', 'blob', 'mediumblob', 'longblob'],
])

/** The canonical form of information_schema's COLUMN_TYPE. */
export function canonicalDeclared(columnType: string, flavor: Flavor): string {
  const [, word = '', rest = ''] = /^\s*([a-z0-9_]+)(.*)$/is.exec(columnType) ?? []
  const name = NAMES[word.toLowerCase()] ?? word.toLowerCase()
  if (name === 'enum' || name === 'set') return labelsDeclared(name, escapedLabels(rest))
  // Such as /*M!100301 COMPRESSED*/ and, of the temporal formats before MySQL 5.6, a note.
  const plain = rest.replace(/\/\*.*?\*\//g, '').toLowerCase()
  const numbers = /^\s*\(([\d,\s]*)\)/.exec(plain)?.[1]?.replace(/\s/g, '') ?? ''
  const unsigned = /\bunsigned\b/.test(plain)
  if (name === 'json' && flavor === 'mariadb') return 'longtext'
  return canonical(name, WITHOUT_NUMBERS.has(name) ? '' : numbers, unsigned)
}

export function canonical(name: string, numbers: string, unsigned: boolean): string {
  const isZero = numbers === '0' && (name === 'datetime' || name === 'timestamp' || name === 'time')
  return `${name}${numbers === '' || isZero ? '' : `(${numbers})`}${unsigned ? ' unsigned' : ''}`
}

export function labelsDeclared(name: 'enum' | 'set', labels: readonly string[]): string {
  return `${name}(${labels.map(label => `'${label.replaceAll("'", "''")}'`).join(',')})`
}

const ESCAPES: Readonly<Record<string, string>> = { '0': '\0', n: '\n', r: '\r', '\\': '\\' }

/** Labels as information_schema writes them: `''` for a quote, and backslashes in front of a few (`append_unescaped`). */
function escapedLabels(list: string): string[] {
  return quoted(list).map(text => text.replace(/\\([0nr\\])/g, (_, letter: string) => ESCAPES[letter]!))
}

/** What stands in quotes, with `''` for a quote. */
function quoted(list: string): string[] {
  return [...list.matchAll(/'((?:[^']|'')*)'/g)].map(([, text]) => text!.replaceAll("''", "'"))
}

/** The parts of a canonical form. */
export function parseDeclared(declared: string): DeclaredType {
  const [, name = '', list = ''] = /^([a-z0-9_]+)(?:\((.*)\))?/s.exec(declared) ?? []
  const isLabels = name === 'enum' || name === 'set'
  return {
    name,
    unsigned: !isLabels && declared.endsWith(' unsigned'),
    numbers: isLabels || list === '' ? [] : list.split(',').map(Number),
    labels: isLabels ? quoted(list) : [],
  }
}

/** Types that the binary log shows as another one; of vectors the number stands for dimensions. */
const HIDDEN: Readonly<Record<string, string>> = { uuid: 'binary(16)', inet6: 'binary(16)', inet4: 'binary(4)' }

/** Whether a column of this type can be the one that a TABLE_MAP event describes so (both canonical). */
export function fits(declared: string, wireDeclared: string): boolean {
  if (declared === wireDeclared || HIDDEN[declared] === wireDeclared) return true
  const { name, numbers } = parseDeclared(declared)
  // MariaDB's own vectors.
  if (name === 'vector') return wireDeclared === `varbinary(${4 * numbers[0]!})`
  return (name === 'enum' || name === 'set') && declared === inThreeBytes(wireDeclared)
}

/** information_schema has no characters of four bytes: labels have question marks instead. */
function inThreeBytes(declared: string): string {
  return declared.replace(/[\u{10000}-\u{10ffff}]/gu, '?')
}
