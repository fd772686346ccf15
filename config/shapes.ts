import { parseCondition } from '../runtime/shape/parse.ts'
import { ConditionError } from '../runtime/shape/tokens.ts'
import type { Block } from './blocks.ts'
import { type Captured, textsMeet, unknownTable } from './checks.ts'
import type { ConfigDocument } from './document.ts'
import type { Problem } from './problem.ts'
import type { sinkShape } from './schema.ts'

/** What is wrong with `where` and `fields` before any table is known: the tables that they name, and the conditions. */
export function shapeProblems(
  document: ConfigDocument,
  captured: readonly Captured[],
  { path, shared }: Block<'sink', typeof sinkShape>,
): Problem[] {
  const problems: Problem[] = []
  for (const option of ['where', 'fields'] as const)
    for (const pattern of Object.keys(shared[option] ?? {})) {
      const problem = unknownTable(pattern, captured) ?? notTaken(pattern, shared.tables)
      if (problem === undefined) continue
      const { code, message, hint } = problem
      problems.push(document.problem(code, [...path, option, pattern], message, { hint, at: 'key' }))
    }
  for (const [pattern, condition] of Object.entries(shared.where ?? {})) {
    try {
      parseCondition(condition)
    } catch (error) {
      if (!(error instanceof ConditionError)) throw error
      problems.push(document.problemWithin('CONFIG_SHAPE', [...path, 'where', pattern], error.at, error.message))
    }
  }
  return problems
}

function notTaken(pattern: string, tables: readonly string[] | undefined): ReturnType<typeof unknownTable> {
  if (tables === undefined || tables.some(one => textsMeet(one, pattern))) return undefined
  return {
    code: 'CONFIG_TABLE',
    message: `the sink does not take "${pattern}"`,
    hint: 'Add it to the tables of the sink.',
  }
}
