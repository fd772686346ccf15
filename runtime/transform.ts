import type { LogicalType } from './contract.ts'

/** What `transform: ./file.ts` of a sink exports: for each table that it names, a function of a row. */

/** Types that a column made by a function may have. */
export type TransformType = Extract<
  LogicalType['kind'],
  | 'text'
  | 'boolean'
  | 'int32'
  | 'int64'
  | 'float64'
  | 'decimal'
  | 'json'
  | 'uuid'
  | 'bytes'
  | 'date'
  | 'time'
  | 'timestamp'
  | 'timestamptz'
>

/** What a function may give for a column of each type; anything that JSON can hold for `json`. Null is NULL. */
interface Values {
  readonly boolean: boolean
  readonly int32: number
  readonly int64: number | bigint
  readonly float64: number
  readonly decimal: string | number | bigint
  readonly json: unknown
}
export type TransformValue<T extends TransformType> = (T extends keyof Values ? Values[T] : string) | null | undefined

export type TransformColumns = Readonly<Record<string, TransformType>>

export interface TableTransform<Row, C extends TransformColumns = TransformColumns> {
  /** Of the sink's table, behind the key columns, which are always there. */
  readonly columns: C
  /**
   * The columns of the sink's row; undefined: the sink has no such row. Called again for a row that was not changed, so
   * that it answers the same for the same row, and at once. Values as in `ChangeView.toObject`: integers of 64 bits are
   * bigints, decimals text, dates and times ISO 8601, JSON its text.
   */
  row(row: Row): { readonly [N in keyof C]?: TransformValue<C[N]> } | undefined
}

/** By full name of the table. */
export type Transform = Readonly<Record<string, TableTransform<Record<string, unknown>>>>

/** `Tables`: what `tailrace types` writes. */
export function defineTransform<Tables>(
  transforms: {
    readonly [T in keyof Tables]?: TableTransform<Tables[T]>
  },
): Transform {
  return transforms as unknown as Transform
}
