/**
 * PostgreSQL's array text (https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO) to JSON. Arrays with bounds
 * of their own (`[0:1]={1,2}`) have no JSON form that keeps them: undefined.
 *
 * @param element JSON of an element's text
 */
export function arrayJson(text: string, element: (text: string) => string): string | undefined {
  if (!text.startsWith('{')) return undefined
  let at = 0

  const value = (): string | undefined => {
    if (text[at] === '{') return list()
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
    return !quoted && raw.toUpperCase() === 'NULL' ? 'null' : element(raw)
  }

  const list = (): string | undefined => {
    const parts: string[] = []
    at++
    if (text[at] === '}') {
      at++
      return '[]'
    }
    for (;;) {
      const part = value()
      if (part === undefined) return undefined
      parts.push(part)
      const separator = text[at++]
      if (separator === '}') return `[${parts.join(',')}]`
      if (separator !== ',') return undefined
    }
  }

  const json = list()
  return at === text.length ? json : undefined
}
