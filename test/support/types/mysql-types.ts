/** Types of MySQL and MariaDB as the page of types shows them: one for each canonical form, with all values of it. */
import { TYPE_CASES } from '../mysql/type-cases.ts'
import { type TypeCase, typeCase } from './type-case.ts'

const LONGEST_EXAMPLE = 40

export const MYSQL_TYPES: readonly TypeCase[] = merged()

function merged(): TypeCase[] {
  const texts = new Map<string, string[]>()
  for (const { declared, values } of TYPE_CASES) {
    const all = [...(texts.get(declared) ?? []), ...values.map(({ text }) => text)]
    // What a page can show comes first: it is the example.
    const isShort = (text: string): boolean => text.length < LONGEST_EXAMPLE && /^[\x20-\x7e]{2,}$/.test(text)
    const shown = all.filter(text => isShort(text) && text !== '\\x')
    const example = shown.find(text => text.startsWith('{"')) ?? shown[0]
    texts.set(declared, [...new Set([...(example === undefined ? [] : [example]), ...all])])
  }
  return [...texts].map(([declared, values]) => {
    const { logical } = TYPE_CASES.find(one => one.declared === declared)!
    return typeCase(declared, declared, logical, values)
  })
}

/** The others are told of in the page's words: more of the same, or labels that fill a page. */
export function isListed({ type, values }: TypeCase): boolean {
  return (
    values.length > 0 &&
    type.length < 60 &&
    !/[\n\\]/.test(type) &&
    !/^(time|datetime|timestamp)\([1245]\)$|char\((255|300|400)\)|binary\([34]00\)/.test(type)
  )
}
