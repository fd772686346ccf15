import type { LogicalType } from '../../../runtime/contract.ts'
import type { Major } from '../cached-postgres.ts'

/** A value of a type: what is written to the server and how it prints it, where that differs. */
export interface Value {
  readonly write: string
  readonly text: string
  /** The first major that knows it. */
  readonly since: Major
}

/** A PostgreSQL type with values of it, the first of which is its example in docs/types.md. */
export interface TypeCase {
  /** As DDL writes it. */
  readonly type: string
  /** pg_type.typname. */
  readonly name: string
  readonly logical: LogicalType
  readonly values: readonly Value[]
  readonly since: Major
  /** Modifier of a column of this type. */
  readonly typmod: number
  readonly delimiter: string
  /** Of types that people make, and arrays: how, and of which (by `name`). */
  readonly made: 'array' | 'domain' | 'enum' | 'composite' | 'range' | 'extension' | undefined
  readonly of: string | undefined
  /** The extension it comes with. */
  readonly extension: string | undefined
}

type Written = string | (Pick<Value, 'write'> & Partial<Value>)

export function typeCase(
  type: string,
  name: string,
  logical: LogicalType | LogicalType['kind'],
  values: readonly Written[],
  rest: Partial<TypeCase> = {},
): TypeCase {
  return {
    type,
    name,
    logical: typeof logical === 'string' ? ({ kind: logical } as LogicalType) : logical,
    values: values.map(value =>
      typeof value === 'string' ? { write: value, text: value, since: 14 } : { text: value.write, since: 14, ...value },
    ),
    since: 14,
    typmod: -1,
    delimiter: ',',
    made: undefined,
    of: undefined,
    extension: undefined,
    ...rest,
  }
}

/** pg_attribute.atttypmod of numeric(precision, scale). */
export function numericTypmod(precision: number, scale: number): number {
  return ((precision << 16) | (scale & 0x7ff)) + 4
}
