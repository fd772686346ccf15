/**
 * What `@vlasky/zongji` is known to do to values, each by name: a difference that none of these explains is a failure.
 * test/contract/zongji-promises.test.ts shows each by itself.
 */
import { parseDeclared } from '../../../../connectors/mysql/values/declared.ts'
import type { Column } from '../../../../runtime/contract.ts'

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

const isJson = ({ column }: Difference): boolean => column.type.kind === 'json'

export const FAULTS: ReadonlyMap<string, Explains> = new Map<string, Explains>([
  ['a column that was not sent is null', ({ isSent, value }) => !isSent && value === null],
  [
    'places lose their reference system and their form',
    ({ column, value }) => GEOMETRY.has(parseDeclared(column.declared).name) && typeof value === 'object',
  ],
  [
    'an ENUM of no label is undefined',
    ({ column, ours, value }) => column.type.kind === 'enum' && ours === '' && value === undefined,
  ],
  ['JSON is written anew', difference => isJson(difference) && typeof difference.theirs === 'string'],
])

const GEOMETRY = new Set([
  ...['geometry', 'point', 'linestring', 'polygon'],
  ...['multipoint', 'multilinestring', 'multipolygon', 'geometrycollection'],
])

/** The name of the fault that explains it; undefined: none. */
export function faultOf(difference: Difference): string | undefined {
  for (const [name, explains] of FAULTS) if (explains(difference)) return name
  return undefined
}

/** Events with such a column are dropped, with an error. */
export const DROPPED = /character set swe7/
