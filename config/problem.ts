import { TailraceError } from '../runtime/errors.ts'

/** One thing wrong in a configuration file. */
export interface Problem {
  readonly code: string
  /** From 1. */
  readonly line: number
  readonly column: number
  /** `sinks.search.url`; empty for the file as a whole. */
  readonly path: string
  readonly message: string
  readonly hint?: string
}

/** One error for all problems, one line each in the order of the file. The first gives the code and the hint. */
export function configError(file: string, problems: readonly Problem[]): TailraceError {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
  const [first] = sorted
  const lines = sorted.map(problem => {
    const path = problem.path === '' ? '' : `${problem.path}: `
    const hint = problem === first || problem.hint === undefined ? '' : ` (${problem.hint})`
    return `${file}:${problem.line}:${problem.column}: ${path}${problem.message}${hint}`
  })
  const hint = first?.hint
  return new TailraceError(
    first?.code ?? 'CONFIG_INVALID',
    'stop',
    lines.join('\n'),
    hint === undefined ? {} : { hint },
  )
}

/** A path for people: `sources.app.columns.mask["public.customers.email"]`. */
export function pathText(path: readonly PropertyKey[]): string {
  let text = ''
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`
    else if (/^[A-Za-z_][A-Za-z0-9_-]*$/.test(String(part))) text += text === '' ? String(part) : `.${String(part)}`
    else text += `[${JSON.stringify(String(part))}]`
  }
  return text
}
