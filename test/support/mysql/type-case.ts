import type { Flavor } from '../../../connectors/mysql/wire-column.ts'
import type { LogicalType } from '../../../runtime/contract.ts'

/** A value of a type: an expression of SQL that makes it, and the text of its cell. */
export interface Value {
  readonly sql: string
  readonly text: string
}

/** A type of MySQL or MariaDB with values of it, its extremes among them. */
export interface TypeCase {
  /** As DDL writes it. */
  readonly ddl: string
  /** Canonical. */
  readonly declared: string
  readonly logical: LogicalType
  readonly values: readonly Value[]
  /** Servers that have it. */
  readonly flavors: readonly Flavor[]
  /** The first version that has it, as major * 100 + minor; 0: any that is supported. */
  readonly since: number
}

export const BOTH: readonly Flavor[] = ['mysql', 'mariadb']

type Written = string | readonly [sql: string, text: string]

/** A value alone is its text, which SQL takes as a string. */
export function typeCase(
  ddl: string,
  declared: string,
  logical: LogicalType | LogicalType['kind'],
  values: readonly Written[],
  rest: Partial<Pick<TypeCase, 'flavors' | 'since'>> = {},
): TypeCase {
  return {
    ddl,
    declared,
    logical: typeof logical === 'string' ? ({ kind: logical } as LogicalType) : logical,
    values: values.map(value =>
      typeof value === 'string' ? { sql: quoted(value), text: value } : { sql: value[0], text: value[1] },
    ),
    flavors: BOTH,
    since: 0,
    ...rest,
  }
}

/** Whatever the session's character set and escapes. */
export function quoted(text: string): string {
  return /^[\w .,:+-]*$/.test(text) ? `'${text}'` : `_utf8mb4 X'${Buffer.from(text).toString('hex')}'`
}
