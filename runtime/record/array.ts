export type ArrayValue = readonly (string | null | ArrayValue)[]

/** PostgreSQL's limit on dimensions. */
const DEPTH = 6

/**
 * PostgreSQL's array text (https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO) with `,` between elements.
 * Undefined for what has no plain form, above all arrays with bounds of their own (`[0:1]={1,2}`).
 */
export function parseArray(text: string): ArrayValue | undefined {
  let at = 0

  const value = (depth: number): string | null | ArrayValue | undefined => {
    if (text[at] === '{') return list(depth)
    let raw = ''
    const quoted = text[at] === '"'
    if (quoted) at++
    for (; at < text.length; at++) {
      const c = text[at]!
      if (c === '\\') raw += text[++at] ?? ''
      else if (quoted ? c === '"' : c === ',' || c === '}') break
      else raw += c
    }
    if (quoted) at++
    return !quoted && raw.toUpperCase() === 'NULL' ? null : raw
  }

  const list = (depth: number): ArrayValue | undefined => {
    if (depth > DEPTH) return undefined
    const parts: (string | null | ArrayValue)[] = []
    at++
    if (text[at] === '}') {
      at++
      return parts
    }
    for (;;) {
      const part = value(depth + 1)
      if (part === undefined) return undefined
      parts.push(part)
      const separator = text[at++]
      if (separator === '}') return parts
      if (separator !== ',') return undefined
    }
  }

  if (!text.startsWith('{')) return undefined
  const parsed = list(1)
  return at === text.length ? parsed : undefined
}
