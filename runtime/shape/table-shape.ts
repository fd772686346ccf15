import type { Table } from '../contract.ts'
import { TailraceError } from '../errors.ts'
import { freeze } from '../record/schema.ts'
import type { Transform } from '../transform.ts'
import { type Field, FieldsError, fieldsOf, keyField } from './fields.ts'
import { formerJudgeOf, type Judge, judgeOf } from './judge.ts'
import { parseCondition } from './parse.ts'
import type { TableSpec } from './spec.ts'
import { ConditionError } from './tokens.ts'
import { type Transformed, transformed } from './transformed.ts'

/** What a sink gets of one version of a table. */
export interface TableShape {
  /** As the sink knows it: same id, name, incarnation and version, other columns. */
  readonly table: Table
  /** Which rows; undefined: all. */
  readonly judge: Judge | undefined
  /** Undefined: the columns are the table's own. */
  readonly fields: readonly Field[] | undefined
  /** What a function of the user makes of the rows; there are no fields then. */
  readonly transformed: Transformed | undefined
}

/**
 * `newest`: the newest version of the table, which has to have all the columns that are named. Undefined where the sink
 * gets it as it is. Throws CONFIG_SHAPE, TRANSFORM_FAILED.
 */
export function tableShape(
  spec: TableSpec,
  table: Table,
  newest: Table,
  transform?: Transform,
): TableShape | undefined {
  const judge = spec.where === undefined ? undefined : judgeFor(spec.where, table, newest)
  const made = spec.transform === undefined ? undefined : transform?.[table.name]
  if (made !== undefined) {
    if (spec.fields !== undefined) throw wrong('fields', newest, '`transform` makes its columns')
    const rows = transformed(made, table)
    const shaped = freeze({ ...table, columns: [...rows.columns], key: table.key.map((_, i) => i) })
    return { table: shaped, judge, fields: undefined, transformed: rows }
  }
  const fields = fieldsFor(spec, table, newest)
  if (judge === undefined && fields === undefined) return undefined
  const shaped = fields === undefined ? table : shapedTable(table, fields)
  return { table: shaped, judge, fields, transformed: undefined }
}

function shapedTable(table: Table, fields: readonly Field[]): Table {
  const columns = fields.map(({ column }) => ({ ...column }))
  return freeze({ ...table, columns, key: table.key.map(place => keyField(fields, place)) })
}

function judgeFor(where: string, table: Table, newest: Table): Judge {
  try {
    const condition = parseCondition(where)
    return table === newest ? judgeOf(condition, table) : formerJudgeOf(condition, table, newest)
  } catch (error) {
    if (!(error instanceof ConditionError)) throw error
    throw wrong('where', newest, `${error.message}, at character ${error.at + 1}`)
  }
}

function fieldsFor(spec: TableSpec, table: Table, newest: Table): readonly Field[] | undefined {
  try {
    return fieldsOf(spec, table, newest)
  } catch (error) {
    if (!(error instanceof FieldsError)) throw error
    throw wrong('fields', newest, error.message)
  }
}

function wrong(option: 'where' | 'fields', { name }: Table, why: string): TailraceError {
  return new TailraceError('CONFIG_SHAPE', 'stop', `\`${option}\` of ${name} does not fit the table: ${why}.`, {
    hint: 'Mend the configuration, then restart, or send SIGHUP. tailrace tables --json lists the columns.',
  })
}
