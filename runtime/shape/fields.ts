import type { Column, Table } from '../contract.ts'
import { encodeCells } from '../record/cells.ts'
import { didYouMean } from '../suggest.ts'
import type { FieldOption, TableSpec } from './spec.ts'

/** A column as a sink gets it: the place of the table's column it is made of, or the cell that it has in every row. */
export interface Field {
  readonly column: Column
  readonly from: number | Uint8Array
}

/** What is wrong with a list of fields. */
export class FieldsError extends Error {}

/**
 * The columns of a table that a sink gets; undefined: all, as they are. `newest` differs from `table` for a former
 * version: a column that it has not yet is left out. Throws FieldsError.
 */
export function fieldsOf(spec: TableSpec, table: Table, newest: Table): readonly Field[] | undefined {
  const { fields, columns } = spec
  if (fields === undefined) {
    const known = columns === undefined ? undefined : leftOver(table, columns, new Set())
    return known === undefined || known.length === table.columns.length ? undefined : known
  }
  const found = fields.flatMap(option => {
    if (option === '*') return leftOver(table, columns, named(fields))
    return field(option, table, newest) ?? []
  })
  requireNames(found, table)
  const missing = table.key.filter(place => keyField(found, place) === -1)
  if (missing.length === 0) return found
  // Rows of a former life, whose key was another one, are not there any more, but they have a key.
  if (table.incarnation < newest.incarnation)
    return [...found, ...missing.map(from => ({ column: table.columns[from]!, from }))]
  const names = missing.map(place => `"${table.columns[place]!.name}"`)
  throw new FieldsError(`the key of ${table.name} is not among them: ${names.join(', ')}`)
}

/** Columns that are made use of by name. */
function named(fields: readonly FieldOption[]): ReadonlySet<string> {
  return new Set(
    fields.flatMap(option => {
      if (typeof option === 'string') return [option]
      return Object.values(option).flatMap(from =>
        typeof from === 'string' ? [from] : 'json' in from ? [from.json] : [],
      )
    }),
  )
}

/** All but the named ones, of those that the sink knows. Key columns are always known. */
function leftOver(table: Table, known: readonly string[] | undefined, names: ReadonlySet<string>): Field[] {
  return table.columns.flatMap((column, from) => {
    const isKnown = known === undefined || known.includes(column.name) || table.key.includes(from)
    return isKnown && !names.has(column.name) ? [{ column, from }] : []
  })
}

/** Undefined where a former version has not got the column. */
function field(option: FieldOption, table: Table, newest: Table): Field | undefined {
  if (typeof option === 'string') return picked(option, option, table, newest)
  const [name, from] = Object.entries(option)[0]!
  if (typeof from === 'string') return picked(name, from, table, newest)
  if ('value' in from) return constant(name, from.value)
  const made = picked(name, from.json, table, newest)
  if (made === undefined) return undefined
  const { column } = made
  if (column.masked === true) return made
  if (column.type.kind !== 'text' && column.type.kind !== 'json' && column.type.kind !== 'other')
    throw new FieldsError(`"${from.json}" (${column.declared}) is no text that could be JSON`)
  return { ...made, column: { ...column, type: { kind: 'json' }, declared: 'json' } }
}

function picked(name: string, of: string, table: Table, newest: Table): Field | undefined {
  const from = table.columns.findIndex(column => column.name === of)
  if (from !== -1) return { column: { ...table.columns[from]!, name }, from }
  const names = newest.columns.map(column => column.name)
  if (names.includes(of)) return undefined
  const hint = didYouMean(of, names)
  throw new FieldsError(`${table.name} has no column "${of}"${hint === undefined ? '' : `; ${hint}`}`)
}

function constant(name: string, value: string | number | boolean): Field {
  const [kind, declared, text] =
    typeof value === 'string'
      ? (['text', 'text', value] as const)
      : typeof value === 'boolean'
        ? (['boolean', 'boolean', value ? 't' : 'f'] as const)
        : Number.isInteger(value)
          ? (['int64', 'bigint', String(value)] as const)
          : (['decimal', 'numeric', String(value)] as const)
  return { column: { name, type: { kind }, declared, nullable: false }, from: encodeCells([text]) }
}

function requireNames(fields: readonly Field[], { name: of }: Table): void {
  const names = fields.map(({ column }) => column.name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw new FieldsError(`${of} would have two columns "${twice}"`)
}

/** Where a key column stands among the fields as it is; -1: nowhere. */
export function keyField(fields: readonly Field[], place: number): number {
  return fields.findIndex(({ from, column }) => from === place && column.declared !== 'json')
}
