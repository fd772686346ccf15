/** A condition over a row's columns, as `where:` has it, parsed: the tree and where each part stood. */

export type Literal =
  | { readonly kind: 'text'; readonly text: string }
  /** The digits as they were written. */
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'null' }

/** `at`: character of the text where it begins, from 0. */
export type Operand =
  | { readonly operand: 'column'; readonly name: string; readonly at: number }
  | { readonly operand: 'literal'; readonly literal: Literal; readonly at: number }

export type Comparison = '=' | '<>' | '<' | '<=' | '>' | '>='

export type Condition =
  | { readonly is: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly is: 'not'; readonly of: Condition }
  | {
      readonly is: 'compared'
      readonly by: Comparison
      readonly left: Operand
      readonly right: Operand
      readonly at: number
    }
  | { readonly is: 'like'; readonly of: Operand; readonly pattern: string | null; readonly at: number }
  /** `null`, `true` or `false`: never unknown itself. */
  | { readonly is: 'being'; readonly of: Operand; readonly what: null | boolean; readonly at: number }
  /** A boolean that stands for itself. */
  | { readonly is: 'itself'; readonly of: Operand }

/** Names of the columns that it looks at, each where it stands. */
export function* columnsOf(condition: Condition): Generator<{ readonly name: string; readonly at: number }> {
  switch (condition.is) {
    case 'and':
    case 'or':
      yield* columnsOf(condition.left)
      yield* columnsOf(condition.right)
      return
    case 'not':
      yield* columnsOf(condition.of)
      return
    case 'compared':
      for (const side of [condition.left, condition.right]) if (side.operand === 'column') yield side
      return
    default:
      if (condition.of.operand === 'column') yield condition.of
  }
}
