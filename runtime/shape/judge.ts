import type { Table } from '../contract.ts'
import { didYouMean } from '../suggest.ts'
import { type Comparison, type Condition, columnsOf, type Operand } from './condition.ts'
import { type Family, familyOf, isBoolean, isText, literalFamily, literalValue, truthText } from './family.ts'
import { likePattern } from './like.ts'
import { ConditionError } from './tokens.ts'

/** Of SQL: null is unknown. Undefined: it hangs on a cell that is absent. */
export type Truth = boolean | null | undefined

/** The text of a row's columns, by their places in the table; undefined: absent. */
export interface Row {
  value(column: number): string | null | undefined
}

export type Judge = (row: Row) => Truth

/**
 * Makes of a condition what judges the rows of a table. Throws ConditionError for a column that the table has not, and
 * for values that do not compare.
 */
export function judgeOf(condition: Condition, table: Table): Judge {
  requireColumns(condition, table)
  return compile(condition, table, new Set())
}

/**
 * The same for a version of the table that is not its newest: a column that came later is NULL in its rows, and what does
 * not compare, since its type was another one, is as good as absent.
 */
export function formerJudgeOf(condition: Condition, table: Table, newest: Table): Judge {
  requireColumns(condition, newest)
  try {
    return compile(condition, table, new Set(newest.columns.map(({ name }) => name)))
  } catch (error) {
    if (error instanceof ConditionError) return () => undefined
    throw error
  }
}

function requireColumns(condition: Condition, { name: of, columns }: Table): void {
  const names = columns.map(({ name }) => name)
  for (const { name, at } of columnsOf(condition)) {
    if (names.includes(name)) continue
    const hint = didYouMean(name, names)
    throw new ConditionError(`${of} has no column "${name}"${hint === undefined ? '' : `; ${hint}`}`, at)
  }
}

function compile(condition: Condition, table: Table, later: ReadonlySet<string>): Judge {
  switch (condition.is) {
    case 'and':
      return and(compile(condition.left, table, later), compile(condition.right, table, later))
    case 'or': {
      const left = compile({ is: 'not', of: condition.left }, table, later)
      return not(and(left, compile({ is: 'not', of: condition.right }, table, later)))
    }
    case 'not':
      return not(compile(condition.of, table, later))
    case 'compared':
      return compared(condition.by, condition, table, later)
    case 'like':
      return like(condition, table, later)
    case 'being': {
      const { of, what, at } = condition
      if (what === null) return absence(of, side(of, table, later))
      const value = truth(of, table, later, at)
      return row => {
        const found = value(row)
        return found === undefined ? undefined : found === what
      }
    }
    case 'itself':
      return truth(condition.of, table, later, condition.of.at)
  }
}

function and(left: Judge, right: Judge): Judge {
  return row => {
    const a = left(row)
    if (a === false) return false
    const b = right(row)
    if (b === false) return false
    if (a === undefined || b === undefined) return undefined
    return a === null || b === null ? null : true
  }
}

function not(of: Judge): Judge {
  return row => {
    const truth = of(row)
    return typeof truth === 'boolean' ? !truth : truth
  }
}

/** Where a side's text comes from, and the family of its values; a literal's is that of the other side. */
interface Side {
  readonly column: number
  readonly family: Family | undefined
  /** For messages. */
  readonly what: string
}

const NO_COLUMN = -1

function side(operand: Operand, table: Table, later: ReadonlySet<string>): Side {
  if (operand.operand === 'literal') return { column: NO_COLUMN, family: literalFamily(operand.literal), what: 'it' }
  const { name } = operand
  const place = table.columns.findIndex(column => column.name === name)
  if (place === -1 && !later.has(name)) throw new ConditionError(`there is no column "${name}"`, operand.at)
  const column = table.columns[place]
  return { column: place, family: column && familyOf(column), what: `"${name}" (${column?.declared ?? 'unknown'})` }
}

/** IS NULL. */
function absence(operand: Operand, { column }: Side): Judge {
  if (operand.operand === 'literal') return () => isNull(operand)
  if (column === NO_COLUMN) return () => true
  return row => {
    const text = row.value(column)
    return text === undefined ? undefined : text === null
  }
}

function compared(
  by: Comparison,
  { left, right, at }: { readonly left: Operand; readonly right: Operand; readonly at: number },
  table: Table,
  later: ReadonlySet<string>,
): Judge {
  const [a, b] = [side(left, table, later), side(right, table, later)]
  const isAbsentColumn = [
    [left, a],
    [right, b],
  ].some(([operand, one]) => (operand as Operand).operand === 'column' && (one as Side).column === NO_COLUMN)
  if (isAbsentColumn || isNull(left) || isNull(right)) return () => null
  const family = commonFamily(left, right, a, b, at)
  if (!family.isOrdered && by !== '=' && by !== '<>')
    throw new ConditionError(`${family.name} has no order: only = and <> compare it`, at)
  const test = TESTS[by]
  const [x, y] = [worth(left, a, family), worth(right, b, family)]
  return row => {
    const first = x(row)
    if (first === null) return null
    const second = y(row)
    if (second === null) return null
    if (first === undefined || second === undefined) return undefined
    return test(family.compare(first, second))
  }
}

const TESTS: Readonly<Record<Comparison, (order: number) => boolean>> = {
  '=': order => order === 0,
  '<>': order => order !== 0,
  '<': order => order < 0,
  '<=': order => order <= 0,
  '>': order => order > 0,
  '>=': order => order >= 0,
}

function commonFamily(left: Operand, right: Operand, a: Side, b: Side, at: number): Family {
  const [one, other] = left.operand === 'column' ? [a, b] : [b, a]
  if (one.family === undefined)
    throw new ConditionError(`values of ${one.what} do not compare: only IS NULL looks at them`, at)
  const areColumns = left.operand === 'column' && right.operand === 'column'
  if (areColumns && one.family.name !== other.family?.name)
    throw new ConditionError(`${one.what} and ${other.what} do not compare`, at)
  return one.family
}

function isNull(operand: Operand): boolean {
  return operand.operand === 'literal' && operand.literal.kind === 'null'
}

/** What a side is worth in a row; null: NULL, or no value that compares; undefined: absent. */
function worth(operand: Operand, { column }: Side, family: Family): (row: Row) => unknown {
  if (operand.operand === 'literal') {
    const value = literalValue(family, operand.literal)
    if (value === undefined)
      throw new ConditionError(`this is not ${family.name}, which is written ${family.example}`, operand.at)
    return () => value
  }
  return row => {
    const text = row.value(column)
    return text === null || text === undefined ? text : (family.of(text) ?? null)
  }
}

function like(
  { of, pattern, at }: { readonly of: Operand; readonly pattern: string | null; readonly at: number },
  table: Table,
  later: ReadonlySet<string>,
): Judge {
  const { column, family, what } = side(of, table, later)
  if (of.operand !== 'column') throw new ConditionError('a column is expected before LIKE', of.at)
  if (pattern === null || column === NO_COLUMN) return () => null
  if (!isText(family)) throw new ConditionError(`${what} is no text: LIKE does not look at it`, at)
  const matches = likePattern(pattern)
  if (matches === undefined) throw new ConditionError('a pattern does not end with \\', at)
  return row => {
    const text = row.value(column)
    return text === null || text === undefined ? text : matches(text)
  }
}

/** A boolean by itself. */
function truth(operand: Operand, table: Table, later: ReadonlySet<string>, at: number): Judge {
  if (operand.operand === 'literal') {
    const { literal } = operand
    if (literal.kind === 'boolean') return () => literal.value
    if (literal.kind === 'null') return () => null
    throw new ConditionError('a comparison is expected, not a value alone', at)
  }
  const { column, family, what } = side(operand, table, later)
  if (column === NO_COLUMN) return () => null
  if (!isBoolean(family)) throw new ConditionError(`${what} is no boolean: compare it with something`, at)
  return row => {
    const text = row.value(column)
    // Of MySQL's small numbers all but 0 are true.
    return text === null || text === undefined ? text : truthText(text) !== 'false'
  }
}
