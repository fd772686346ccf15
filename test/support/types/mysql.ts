import { TYPE_CASES } from '../mysql/type-cases.ts'
import { type TypeCase, typeCase } from './type-case.ts'

/** A length or precision of which another one says the same, or labels that no table of a page holds. */
const REPEATED =
  /^(?:(?:time|datetime|timestamp)\([1245]\)|(?:varchar|varbinary)\([34]00\)|char\(255\)|bit\((?:5|64)\))$|\P{ASCII}|[\n\\]|.{60}/u
/** Texts that make an example. */
const SHORT = /^[^\p{Cc}\p{Cf}\p{Cn}\p{Zl}\u00a0]{3,40}$/u

/** The types of MySQL and MariaDB as those of PostgreSQL are told of, by canonical names, a value that is short first. */
export const MYSQL: readonly TypeCase[] = [...Map.groupBy(TYPE_CASES, ({ declared }) => declared).entries()].flatMap(
  ([declared, cases]) => {
    const texts = [...new Set(cases.flatMap(({ values }) => values.map(({ text }) => text)))]
    const example = texts.find(text => SHORT.test(text)) ?? texts[0]
    if (example === undefined || REPEATED.test(declared)) return []
    const values = [example, ...texts.filter(text => text !== example)]
    return [typeCase(declared, declared, cases[0]!.logical, values)]
  },
)
