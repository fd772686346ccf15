/** Words of a condition. */
export type Token =
  /** A name in double quotes is never a keyword. */
  | { readonly kind: 'name'; readonly text: string; readonly isQuoted: boolean; readonly at: number }
  | { readonly kind: 'text' | 'number' | 'sign'; readonly text: string; readonly at: number }
  | { readonly kind: 'end'; readonly text: ''; readonly at: number }

/** What is wrong with a condition, and at which of its characters, from 0. */
export class ConditionError extends Error {
  readonly at: number

  constructor(message: string, at: number) {
    super(message)
    this.at = at
  }
}

const BLANK = /\s+/y
const NAME = /[\p{L}_][\p{L}\p{N}_$]*/uy
const NUMBER = /(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y
const SIGN = /<>|!=|<=|>=|[=<>(),+-]/y

export function tokensOf(text: string): Token[] {
  const tokens: Token[] = []
  let at = 0
  const next = (form: RegExp): string | undefined => {
    form.lastIndex = at
    return form.exec(text)?.[0]
  }
  while (at < text.length) {
    const blank = next(BLANK)
    if (blank !== undefined) {
      at += blank.length
      continue
    }
    const token = quoted(text, at) ?? plain(next, at)
    if (token === undefined) throw new ConditionError(`"${text[at]}" has no meaning here`, at)
    tokens.push(token.token)
    at = token.end
  }
  tokens.push({ kind: 'end', text: '', at: text.length })
  return tokens
}

function plain(next: (form: RegExp) => string | undefined, at: number): { token: Token; end: number } | undefined {
  const name = next(NAME)
  if (name !== undefined) return { token: { kind: 'name', text: name, isQuoted: false, at }, end: at + name.length }
  const number = next(NUMBER)
  if (number !== undefined) return { token: { kind: 'number', text: number, at }, end: at + number.length }
  const sign = next(SIGN)
  if (sign === undefined) return undefined
  return { token: { kind: 'sign', text: sign === '!=' ? '<>' : sign, at }, end: at + sign.length }
}

/** `'text'` or `"name"`, the quote itself doubled. */
function quoted(text: string, at: number): { token: Token; end: number } | undefined {
  const quote = text[at]!
  if (quote !== "'" && quote !== '"') return undefined
  let value = ''
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] !== quote) value += text[i]
    else if (text[i + 1] === quote) value += text[++i]
    else {
      const token: Token =
        quote === "'" ? { kind: 'text', text: value, at } : { kind: 'name', text: value, isQuoted: true, at }
      return { token, end: i + 1 }
    }
  }
  throw new ConditionError(`the quote ${quote} is not closed`, at)
}
