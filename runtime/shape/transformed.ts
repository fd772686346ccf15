import type { ChangeView, Column, Table } from '../contract.ts'
import { TailraceError } from '../errors.ts'
import { encodeCells } from '../record/cells.ts'
import { type ExactJson, textOfJson } from '../record/text.ts'
import type { TableTransform, TransformType } from '../transform.ts'

/** The declared types of columns that a function makes. */
const DECLARED: Readonly<Record<TransformType, string>> = {
  text: 'text',
  boolean: 'boolean',
  int32: 'integer',
  int64: 'bigint',
  float64: 'double precision',
  decimal: 'numeric',
  json: 'json',
  uuid: 'uuid',
  bytes: 'bytea',
  date: 'date',
  time: 'time',
  timestamp: 'timestamp',
  timestamptz: 'timestamptz',
}

/** Rows of one version of a table as a function of the user makes them. */
export interface Transformed {
  /** Key columns, then those of the function. */
  readonly columns: readonly Column[]
  /** The cells of the row behind those of its key; undefined: the sink has no such row. Throws TRANSFORM_FAILED. */
  cells(change: ChangeView): Uint8Array | undefined
}

/** Throws TRANSFORM_FAILED where the function's columns cannot be. */
export function transformed(
  { columns: types, row }: TableTransform<Record<string, unknown>>,
  table: Table,
): Transformed {
  const key = table.key.map(place => table.columns[place]!)
  const columns = Object.entries(types).map(([name, kind]): Column => {
    if (!(kind in DECLARED)) throw failed(table, `the column "${name}" has no type that there is`)
    return { name, type: { kind } as Column['type'], declared: DECLARED[kind], nullable: true }
  })
  const twice = columns.find(({ name }) => key.some(column => column.name === name))
  if (twice !== undefined) throw failed(table, `"${twice.name}" is a column of the key, which is there in any case`)
  const names = new Set(columns.map(({ name }) => name))
  return {
    columns: [...key, ...columns],
    cells(change) {
      const made = call(row, change.toObject(), table)
      if (made === undefined || made === null) return undefined
      if (typeof made !== 'object' || made instanceof Promise) throw failed(table, 'it did not answer a row')
      const strange = Object.keys(made).find(name => !names.has(name))
      if (strange !== undefined) throw failed(table, `its row has a column "${strange}" that \`columns\` does not name`)
      return encodeCells(columns.map(column => textOf(column, Reflect.get(made, column.name), table)))
    },
  }
}

function call(
  row: TableTransform<Record<string, unknown>>['row'],
  values: Record<string, unknown>,
  table: Table,
): unknown {
  try {
    return row(values)
  } catch (cause) {
    // Its message may hold values of the row.
    const { name, stack } = (typeof cause === 'object' && cause !== null ? cause : {}) as Partial<Error>
    const place = /([^\s(/]+:\d+:\d+)\)?$/m.exec(stack ?? '')?.[1]
    throw failed(table, `it threw ${name ?? 'something'}${place === undefined ? '' : ` at ${place}`}`)
  }
}

/** As the database would print it. */
function textOf(column: Column, value: unknown, table: Table): string | null {
  if (value === null || value === undefined) return null
  const { kind } = column.type
  const type = typeof value
  if (kind === 'json') return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? exactly(part) : part))
  const isNumber = type === 'bigint' || (type === 'number' && isFitting(kind, value as number))
  if (kind === 'int32' || kind === 'int64' || kind === 'float64' || kind === 'decimal') {
    if (isNumber) return String(value)
    if (kind === 'decimal' && type === 'string' && /^-?\d+(\.\d+)?$/.test(value as string)) return value as string
  } else if (type === (kind === 'boolean' ? 'boolean' : 'string')) return textOfJson(column, value as ExactJson)
  throw failed(table, `what it gave for "${column.name}" is no ${kind}`)
}

function isFitting(kind: Column['type']['kind'], value: number): boolean {
  return kind === 'float64' || kind === 'decimal' ? Number.isFinite(value) : Number.isSafeInteger(value)
}

function exactly(value: bigint): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(String(value))
}

function failed({ name }: Table, why: string): TailraceError {
  return new TailraceError('TRANSFORM_FAILED', 'stop', `The \`transform\` of ${name} failed: ${why}.`, {
    hint: 'Mend the file, then restart, or send SIGHUP.',
  })
}
