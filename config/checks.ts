import type { z } from 'zod'
import type { Block } from './blocks.ts'
import type { ConfigDocument } from './document.ts'
import type { Problem } from './problem.ts'
import type { logShape, sinkShape } from './schema.ts'
import { didYouMean } from './suggest.ts'

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
  const complete = sources.map(source => [source.name, capturedPatterns(source)] as const)
  for (const { path, shared } of sinks) {
    shared.tables?.forEach((pattern, i) => {
      const problem = unknownTable(pattern, complete)
      if (problem !== undefined)
        problems.push(document.problem('CONFIG_TABLE', [...path, 'tables', i], problem.message, { hint: problem.hint }))
    })
  }
  return problems
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
  return a === undefined || b === undefined || a.some(one => b.some(other => patternsMeet(one, other)))
}

/** The source's own patterns as full names; undefined if it does not list tables. */
function capturedPatterns(source: SourceBlock): readonly string[] | undefined {
  const { tables } = source.written
  if (!Array.isArray(tables)) return undefined
  return tables.filter(table => typeof table === 'string').map(table => `${source.name}.${table}`)
}

function unknownTable(
  pattern: string,
  sources: readonly (readonly [string, readonly string[] | undefined])[],
): { message: string; hint: string | undefined } | undefined {
  const parts = splitName(pattern)
  if (parts.length !== 3)
    return {
      message: `"${pattern}" is not a full name`,
      hint: 'A full name is source.schema.table; a part with a dot, star, quote or blank stands in double quotes.',
    }
  const named = sources.filter(([name]) => partsMeet(parts[0]!, name))
  if (named.length === 0) {
    const names = sources.map(([name]) => name)
    const hint = didYouMean(parts[0]!, names) ?? `Full names begin with a source: ${names.join(', ')}.`
    return { message: `there is no source "${parts[0]}"`, hint }
  }
  if (named.some(([, tables]) => tables === undefined || tables.some(table => patternsMeet(pattern, table)))) return
  const known = named.flatMap(([, tables]) => tables ?? [])
  const hint = didYouMean(pattern, known) ?? `Add it to the tables of source ${named.map(([name]) => name).join(', ')}.`
  return { message: `no source captures "${pattern}"`, hint }
}

/** Whether one table could match both patterns. */
function patternsMeet(a: string, b: string): boolean {
  const first = splitName(a)
  const second = splitName(b)
  return first.length === second.length && first.every((part, i) => partsMeet(part, second[i]!))
}

/** Parts of a name as written, quotes kept. */
function splitName(name: string): string[] {
  return name.match(/(?:"(?:[^"]|"")*"|[^."])+/g) ?? []
}

function partsMeet(a: string, b: string): boolean {
  if (a === '' || b === '') return /^\**$/.test(a + b)
  if (a[0] === '*' && !a.startsWith('"')) return partsMeet(a.slice(1), b) || partsMeet(a, b.slice(1))
  if (b[0] === '*' && !b.startsWith('"')) return partsMeet(b, a)
  return a[0] === b[0] && partsMeet(a.slice(1), b.slice(1))
}
