import type { z } from 'zod'
import { isTailraceError } from '../runtime/errors.ts'
import { type Pattern, parsePattern, quotePart } from '../runtime/select.ts'
import { didYouMean } from '../runtime/suggest.ts'
import type { Block } from './blocks.ts'
import type { ConfigDocument } from './document.ts'
import type { Problem } from './problem.ts'
import type { logShape, sinkShape } from './schema.ts'

/** What no single block can tell: names across blocks, and two writers on one place. */

type SourceBlock = Block<'source', z.ZodRawShape>
type SinkBlock = Block<'sink', typeof sinkShape>
type LogBlock = Block<'log', typeof logShape>

/** Tables that a sink asks for and no source brings. */
export function unknownTables(
  document: ConfigDocument,
  sources: readonly SourceBlock[],
  sinks: readonly SinkBlock[],
): Problem[] {
  const problems: Problem[] = []
  const captured = capturedBy(sources)
  for (const { path, shared } of sinks) {
    shared.tables?.forEach((pattern, i) => {
      const problem = unknownTable(pattern, captured)
      if (problem !== undefined)
        problems.push(document.problem(problem.code, [...path, 'tables', i], problem.message, { hint: problem.hint }))
    })
  }
  return problems
}

export function capturedBy(sources: readonly SourceBlock[]): Captured[] {
  return sources.map(source => ({ name: source.name, tables: capturedTables(source) }))
}

/** Sinks that would write into each other's place, or into the log. */
export function clashes(document: ConfigDocument, log: LogBlock | undefined, sinks: readonly SinkBlock[]): Problem[] {
  const problems: Problem[] = []
  sinks.forEach((sink, i) => {
    const { path } = sink.written
    if (typeof path === 'string' && path === log?.shared.path)
      problems.push(document.problem('CONFIG_CLASH', [...sink.path, 'path'], 'is the folder of the log'))
    const other = sinks.slice(0, i).find(earlier => clash(sink, earlier))
    if (other === undefined) return
    const key = typeof path === 'string' ? 'path' : 'url'
    const hint = typeof path === 'string' ? 'Give each its own path.' : 'Give them different names, tables or URLs.'
    const message = `is also where the sink "${other.name}" writes`
    problems.push(document.problem('CONFIG_CLASH', [...sink.path, key], message, { hint }))
  })
  return problems
}

function clash(a: SinkBlock, b: SinkBlock): boolean {
  const { path, url, name } = a.written
  if (typeof path === 'string') return path === b.written.path
  return (
    typeof url === 'string' &&
    a.plugin.type === b.plugin.type &&
    url === b.written.url &&
    name === b.written.name &&
    overlapping(a.shared.tables, b.shared.tables)
  )
}

function overlapping(a: readonly string[] | undefined, b: readonly string[] | undefined): boolean {
  return a === undefined || b === undefined || a.some(one => b.some(other => textsMeet(one, other)))
}

/** The source's own patterns as full names; undefined if it does not list tables. */
function capturedTables(source: SourceBlock): readonly string[] | undefined {
  const { tables } = source.written
  if (!Array.isArray(tables)) return undefined
  const own = tables.filter(table => typeof table === 'string')
  return [...own, ...eventTables(source)].map(table => `${source.name}.${table}`)
}

/** Tables of events, which are made as they come (docs/outbox.md). */
function eventTables({ written: { outbox, messages } }: SourceBlock): string[] {
  const schemas: unknown[] = []
  if (typeof outbox === 'object' && outbox !== null) schemas.push('schema' in outbox ? outbox.schema : 'outbox')
  if (Array.isArray(messages) && messages.length > 0) schemas.push('message')
  return schemas.filter(schema => typeof schema === 'string').map(schema => `${quotePart(schema)}.*`)
}

/** A source, and its own patterns as full names. */
export interface Captured {
  readonly name: string
  readonly tables: readonly string[] | undefined
}

export function unknownTable(
  text: string,
  sources: readonly Captured[],
): { code: string; message: string; hint: string | undefined } | undefined {
  let pattern: Pattern
  try {
    pattern = fullPattern(text)
  } catch (error) {
    if (!isTailraceError(error)) throw error
    return { code: error.code, message: error.message, hint: error.hint }
  }
  const names = sources.map(({ name }) => name)
  const named = sources.filter(({ name }) => partsMeet(pattern[0]!, [name]))
  if (named.length === 0) {
    const written = text.slice(0, text.indexOf('.'))
    const hint = didYouMean(written, names) ?? `Full names begin with a source: ${names.join(', ')}.`
    return { code: 'CONFIG_TABLE', message: `there is no source "${written}"`, hint }
  }
  if (named.some(({ tables }) => tables === undefined || tables.some(table => textsMeet(text, table)))) return
  const known = named.flatMap(({ tables }) => tables ?? [])
  const hint = didYouMean(text, known) ?? `Add it to the tables of ${named.map(({ name }) => name).join(', ')}.`
  return { code: 'CONFIG_TABLE', message: `no source captures "${text}"`, hint }
}

function fullPattern(text: string): Pattern {
  return parsePattern(text, ['source', 'schema', 'table'])
}

/** Whether one table could match both. What is no pattern matches nothing here; its own block reports it. */
export function textsMeet(a: string, b: string): boolean {
  try {
    const first = fullPattern(a)
    const second = fullPattern(b)
    return first.every((part, i) => partsMeet(part, second[i]!))
  } catch (error) {
    if (isTailraceError(error)) return false
    throw error
  }
}

const STAR = Symbol('any text')

/** Whether some text matches both; each is the fixed texts between its stars. */
function partsMeet(a: readonly string[], b: readonly string[]): boolean {
  return symbolsMeet(symbols(a), symbols(b))
}

function symbols(part: readonly string[]): (string | symbol)[] {
  return part.flatMap((text, i) => (i === 0 ? [...text] : [STAR, ...text]))
}

function symbolsMeet(a: readonly (string | symbol)[], b: readonly (string | symbol)[]): boolean {
  if (a.length === 0 || b.length === 0) return [...a, ...b].every(symbol => symbol === STAR)
  if (a[0] === STAR) return symbolsMeet(a.slice(1), b) || symbolsMeet(a, b.slice(1))
  if (b[0] === STAR) return symbolsMeet(b, a)
  return a[0] === b[0] && symbolsMeet(a.slice(1), b.slice(1))
}
