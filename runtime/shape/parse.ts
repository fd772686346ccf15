import type { Comparison, Condition, Literal, Operand } from './condition.ts'
import { ConditionError, type Token, tokensOf } from './tokens.ts'

const COMPARISONS: ReadonlySet<string> = new Set(['=', '<>', '<', '<=', '>', '>='])
const KEYWORDS = new Set(['and', 'or', 'not', 'in', 'between', 'like', 'is', 'null', 'true', 'false'])
const DEEPEST = 200
const LONGEST = 10_000

/**
 * Parses a condition:
 *
 *   or       and { OR and }
 *   and      not { AND not }
 *   not      NOT not | test
 *   test     ( or ) | operand [ comparison operand | [NOT] IN ( literal, ... ) | [NOT] BETWEEN operand AND operand
 *            | [NOT] LIKE 'pattern' | IS [NOT] NULL | IS [NOT] TRUE | IS [NOT] FALSE ]
 *   operand  column | "column" | 'text' | [-] number | TRUE | FALSE | NULL
 *
 * Keywords in any case, names of columns exactly. Throws ConditionError.
 */
export function parseCondition(text: string): Condition {
  if (text.length > LONGEST) throw new ConditionError(`it is longer than ${LONGEST} characters`, LONGEST)
  return new Parser(tokensOf(text)).whole()
}

class Parser {
  readonly #tokens: readonly Token[]
  #next = 0
  #depth = 0

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens
  }

  whole(): Condition {
    const condition = this.#or()
    const { kind, text, at } = this.#token
    if (kind !== 'end') throw new ConditionError(`nothing is expected before "${text}" but AND or OR`, at)
    return condition
  }

  get #token(): Token {
    return this.#tokens[this.#next]!
  }

  #or(): Condition {
    let left = this.#and()
    while (this.#take('or')) left = { is: 'or', left, right: this.#and() }
    return left
  }

  #and(): Condition {
    let left = this.#not()
    while (this.#take('and')) left = { is: 'and', left, right: this.#not() }
    return left
  }

  #not(): Condition {
    if (++this.#depth > DEEPEST) throw new ConditionError('it is nested too deeply', this.#token.at)
    const condition: Condition = this.#take('not') ? { is: 'not', of: this.#not() } : this.#test()
    this.#depth--
    return condition
  }

  #test(): Condition {
    if (this.#takeSign('(')) {
      const inner = this.#or()
      this.#expectSign(')')
      return inner
    }
    const left = this.#operand()
    const { kind, text, at } = this.#token
    if (kind === 'sign' && COMPARISONS.has(text)) {
      this.#next++
      return { is: 'compared', by: text as Comparison, left, right: this.#operand(), at }
    }
    if (this.#take('is')) return this.#being(left, at)
    const isNot = this.#take('not')
    const test = this.#listed(left, at)
    if (test === undefined) {
      if (isNot) throw new ConditionError('IN, BETWEEN or LIKE is expected behind NOT', this.#token.at)
      return { is: 'itself', of: left }
    }
    return isNot ? { is: 'not', of: test } : test
  }

  #being(of: Operand, at: number): Condition {
    const isNot = this.#take('not')
    const what = this.#take('null') ? null : this.#take('true') ? true : this.#take('false') ? false : undefined
    if (what === undefined)
      throw new ConditionError('NULL, TRUE or FALSE is expected behind IS; compare with =', this.#token.at)
    const test: Condition = { is: 'being', of, what, at }
    return isNot ? { is: 'not', of: test } : test
  }

  #listed(left: Operand, at: number): Condition | undefined {
    if (this.#take('in')) return this.#in(left, at)
    if (this.#take('between')) {
      const low = this.#operand()
      if (!this.#take('and')) throw new ConditionError('AND is expected between the bounds', this.#token.at)
      const high = this.#operand()
      const from: Condition = { is: 'compared', by: '>=', left, right: low, at }
      return { is: 'and', left: from, right: { is: 'compared', by: '<=', left, right: high, at } }
    }
    if (!this.#take('like')) return undefined
    const pattern = this.#operand()
    const literal = pattern.operand === 'literal' ? pattern.literal : undefined
    if (literal?.kind !== 'text' && literal?.kind !== 'null')
      throw new ConditionError("a pattern in single quotes is expected behind LIKE: 'A%'", pattern.at)
    return { is: 'like', of: left, pattern: literal.kind === 'text' ? literal.text : null, at }
  }

  #in(left: Operand, at: number): Condition {
    this.#expectSign('(')
    const equals = (): Condition => ({ is: 'compared', by: '=', left, right: this.#operand(), at })
    // A tree as deep as its logarithm: lists may be long.
    let tests = [equals()]
    while (this.#takeSign(',')) tests.push(equals())
    this.#expectSign(')')
    while (tests.length > 1)
      tests = Array.from({ length: Math.ceil(tests.length / 2) }, (_, i) => {
        const [a, b] = [tests[2 * i]!, tests[2 * i + 1]]
        return b === undefined ? a : { is: 'or', left: a, right: b }
      })
    return tests[0]!
  }

  #operand(): Operand {
    const token = this.#token
    const { at } = token
    if (token.kind === 'name' && (token.isQuoted || !KEYWORDS.has(token.text.toLowerCase()))) {
      this.#next++
      return { operand: 'column', name: token.text, at }
    }
    const literal = this.#literal()
    if (literal !== undefined) return { operand: 'literal', literal, at }
    const found = token.kind === 'end' ? 'the end' : `"${token.text}"`
    const hint = token.kind === 'name' ? ' (a column of that name is written in double quotes)' : ''
    throw new ConditionError(`a column or a value is expected, not ${found}${hint}`, at)
  }

  #literal(): Literal | undefined {
    const { kind, text, at } = this.#token
    if (kind === 'text' || kind === 'number') {
      this.#next++
      return { kind, text }
    }
    if (this.#takeSign('-') || this.#takeSign('+')) {
      const number = this.#token
      if (number.kind !== 'number') throw new ConditionError(`a number is expected behind "${text}"`, at)
      this.#next++
      return { kind: 'number', text: text === '-' ? `-${number.text}` : number.text }
    }
    if (this.#take('null')) return { kind: 'null' }
    if (this.#take('true')) return { kind: 'boolean', value: true }
    return this.#take('false') ? { kind: 'boolean', value: false } : undefined
  }

  /** Takes this keyword if it comes next. */
  #take(keyword: string): boolean {
    const token = this.#token
    const isNext = token.kind === 'name' && !token.isQuoted && token.text.toLowerCase() === keyword
    if (isNext) this.#next++
    return isNext
  }

  #takeSign(sign: string): boolean {
    const { kind, text } = this.#token
    const isNext = kind === 'sign' && text === sign
    if (isNext) this.#next++
    return isNext
  }

  #expectSign(sign: string): void {
    if (!this.#takeSign(sign)) throw new ConditionError(`"${sign}" is expected`, this.#token.at)
  }
}
