/**
 * What `@vlasky/zongji` is known to do to values, each by name: a difference that none of these explains is a failure.
 * test/contract/zongji-promises.test.ts shows each by itself.
 */
import { parseDeclared } from '../../../../connectors/mysql/values/declared.ts'
import type { Column } from '../../../../runtime/contract.ts'
import type { Flavor } from '../releases.ts'
import type { TypeCase } from '../type-case.ts'

export interface Difference {
  readonly column: Column
  readonly ours: string | null | undefined
  /** As the package hands it over. */
  readonly value: unknown
  /** The same as text. */
  readonly theirs: string | null | undefined
  /** The event had the column. */
  readonly isSent: boolean
}

type Explains = (difference: Difference) => boolean

export const FAULTS: ReadonlyMap<string, Explains> = new Map<string, Explains>([
  ['a column that was not sent is null', ({ isSent, value }) => !isSent && value === null],
  [
    'places lose their reference system and their form',
    ({ column, value }) => isPlace(column.declared) && typeof value === 'object' && !Buffer.isBuffer(value),
  ],
  [
    'an ENUM of no label is undefined',
    ({ column, ours, value }) => column.type.kind === 'enum' && ours === '' && value === undefined,
  ],
  ['the year 0 is 1900', ({ column, ours, value }) => column.declared === 'year' && ours === '0' && value === 1900],
  [
    'bytes of latin1 that are no printed character are replaced',
    ({ ours, theirs }) => /[\x80-\x9f]/.test(ours ?? '') && theirs === ours?.replaceAll(/[\x80-\x9f]/g, '\ufffd'),
  ],
  ['addresses are bytes', ({ column, value }) => /^inet[46]$/.test(column.declared) && Buffer.isBuffer(value)],
  ['JSON is written anew', ({ column, theirs }) => column.type.kind === 'json' && typeof theirs === 'string'],
])

const PLACES = new Set([
  ...['geometry', 'point', 'linestring', 'polygon'],
  ...['multipoint', 'multilinestring', 'multipolygon', 'geometrycollection'],
])

function isPlace(declared: string): boolean {
  return PLACES.has(parseDeclared(declared).name)
}

/** The name of the fault that explains it; undefined: none. */
export function faultOf(difference: Difference): string | undefined {
  for (const [name, explains] of FAULTS) if (explains(difference)) return name
  return undefined
}

/**
 * A column of the type makes it misread the columns beside it, or drop rows: VECTOR in MySQL, places in MariaDB, and
 * character sets that it has no table of.
 */
export function spoilsRows({ ddl, declared }: Pick<TypeCase, 'ddl' | 'declared'>, flavor: Flavor): boolean {
  const { name } = parseDeclared(declared)
  if (/character set swe7/.test(ddl)) return true
  return flavor === 'mysql' ? name === 'vector' : PLACES.has(name)
}
