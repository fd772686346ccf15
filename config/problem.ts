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

const HINT = 'Mend the place that is named; `tailrace check --offline` reads the file again.'

/**
 * One error for all problems, one line each in the order of the file. Code and hint are those of the first, or of a
 * mistyped key: it tells more than the one that is missing for it.
 */
export function configError(file: string, problems: readonly Problem[]): TailraceError {
  const sorted = problems.toSorted((a, b) => a.line - b.line || a.column - b.column)
  const telling = sorted.find(({ code }) => code === 'CONFIG_UNKNOWN_KEY') ?? sorted[0]
  const lines = sorted.map(problem => {
    const path = problem.path === '' ? '' : `${problem.path}: `
    const hint = problem === telling || problem.hint === undefined ? '' : ` (${problem.hint})`
    return `${file}:${problem.line}:${problem.column}: ${path}${problem.message}${hint}`
  })
  return new TailraceError(telling?.code ?? 'CONFIG_INVALID', 'stop', lines.join('\n'), { hint: telling?.hint ?? HINT })
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
