/** A LIKE pattern: `%` is any text, `_` one character, `\` takes the next one as it is. */
export function likePattern(pattern: string): ((text: string) => boolean) | undefined {
  const parts: (string | typeof ANY | typeof ONE)[] = []
  const characters = [...pattern]
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i]!
    if (character === '\\') {
      const next = characters[++i]
      if (next === undefined) return undefined
      parts.push(next)
    } else if (character === '%') {
      if (parts.at(-1) !== ANY) parts.push(ANY)
    } else parts.push(character === '_' ? ONE : character)
  }
  return text => matches(parts, [...text])
}

const ANY = Symbol('any text')
const ONE = Symbol('one character')

/** Goes back to the last `%` alone: never more steps than the product of both lengths. */
function matches(parts: readonly (string | symbol)[], text: readonly string[]): boolean {
  let [part, at] = [0, 0]
  let [backPart, backAt] = [-1, 0]
  while (at < text.length) {
    const wanted = parts[part]
    if (wanted === ANY) {
      backPart = ++part
      backAt = at
    } else if (wanted === ONE || wanted === text[at]) {
      part++
      at++
    } else if (backPart !== -1) {
      part = backPart
      at = ++backAt
    } else return false
  }
  while (parts[part] === ANY) part++
  return part === parts.length
}
