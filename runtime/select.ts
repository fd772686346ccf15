import type { Table, TableFilter } from './contract.ts'
import { TailraceError } from './errors.ts'

/**
 * Names and patterns of tables and columns: parts between dots. Exact, no case folding; a part with a dot, star, quote
 * or blank is double-quoted (`public."a.b"`, a quote inside doubled); `*` stands for any text within one part and is
 * an ordinary character inside quotes.
 */

/** The fixed texts of one part, between its stars: `['a', '']` is `a*`. */
type PartPattern = readonly string[]
export type Pattern = readonly PartPattern[]

const FULL_NAME = ['source', 'schema', 'table']
const BARE = /^[^\s."*]+$/

export function quotePart(part: string): string {
  return BARE.test(part) ? part : `"${part.replaceAll('"', '""')}"`
}

/** `quotePart` of each, joined by dots. Different lists of parts give different names. */
export function qualifiedName(parts: readonly string[]): string {
  return parts.map(quotePart).join('.')
}

/** Throws CONFIG_PATTERN unless the text has as many parts as `shape` names: `['schema', 'table']`. */
export function parsePattern(text: string, shape: readonly string[]): Pattern {
  const parts: PartPattern[] = []
  let at = 0
  for (;;) {
    const { part, end } = text[at] === '"' ? quotedPart(text, at) : barePart(text, at)
    parts.push(part)
    if (end === text.length) break
    if (text[end] !== '.') throw wrong(text, `unexpected text behind a quoted part at character ${end + 1}`)
    at = end + 1
  }
  if (parts.length !== shape.length)
    throw wrong(
      text,
      `it has ${parts.length} part${parts.length === 1 ? '' : 's'} where ${shape.join('.')} is expected`,
    )
  return parts
}

/** The parts of a name. Throws CONFIG_PATTERN if it is not one, or holds a star outside quotes. */
export function parseName(text: string, shape: readonly string[]): string[] {
  return parsePattern(text, shape).map(part => {
    if (part.length > 1) throw wrong(text, 'a star cannot stand in a name')
    return part[0]!
  })
}

export function matchesPattern(pattern: Pattern, parts: readonly string[]): boolean {
  return pattern.length === parts.length && pattern.every((part, i) => matchesPart(part, parts[i]!))
}

/** The tables that readers of a log are given: those that a pattern of full names names, by default all. */
export function tableFilter(patterns?: readonly string[]): TableFilter {
  const parsed = patterns?.map(text => parsePattern(text, FULL_NAME))
  return ({ routed, source, schema, table }) =>
    routed !== true && (parsed?.some(pattern => matchesPattern(pattern, [source, schema, table])) ?? true)
}

/** Whether one of the patterns of full names (`source.schema.table`) names this table. */
export function matchesTable(patterns: readonly string[], table: Table): boolean {
  const parts = [table.source, table.schema, table.table]
  return patterns.some(text => matchesPattern(parsePattern(text, FULL_NAME), parts))
}

/** True for patterns that name exactly one thing. */
export function isExact(pattern: Pattern): boolean {
  return pattern.every(part => part.length === 1)
}

/** The name that an exact pattern names, as qualifiedName writes it. */
export function exactName(pattern: Pattern): string {
  return qualifiedName(pattern.map(part => part[0]!))
}

function quotedPart(text: string, at: number): { part: PartPattern; end: number } {
  let value = ''
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] !== '"') value += text[i]
    else if (text[i + 1] === '"') value += text[++i]
    else if (value === '') throw wrong(text, 'a part is empty')
    else return { part: [value], end: i + 1 }
  }
  throw wrong(text, 'a quote is not closed')
}

function barePart(text: string, at: number): { part: PartPattern; end: number } {
  const dot = text.indexOf('.', at)
  const end = dot === -1 ? text.length : dot
  const raw = text.slice(at, end)
  if (raw === '') throw wrong(text, 'a part is empty')
  if (/[\s"]/.test(raw)) throw wrong(text, 'a part with a quote or blank must be double-quoted')
  return { part: raw.split('*'), end }
}

function matchesPart(pattern: PartPattern, text: string): boolean {
  const first = pattern[0]!
  if (pattern.length === 1) return text === first
  const last = pattern.at(-1)!
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false
  let at = first.length
  const end = text.length - last.length
  for (const middle of pattern.slice(1, -1)) {
    const found = text.indexOf(middle, at)
    if (found === -1 || found + middle.length > end) return false
    at = found + middle.length
  }
  return true
}

function wrong(text: string, why: string): TailraceError {
  return new TailraceError('CONFIG_PATTERN', 'stop', `"${text}" is not a name or pattern: ${why}.`, {
    hint: 'Parts are separated by dots; a part with a dot, star, quote or blank is double-quoted: public."a.b".',
  })
}
