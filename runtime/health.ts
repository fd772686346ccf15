import type { Health, SourceStatus } from './status.ts'

export interface Judged {
  readonly name: string
  readonly state: string
  readonly phase: string
  readonly error: { readonly code: string } | null
  readonly tables?: SourceStatus['tables']
}

/** Red: something failed. Yellow: something waits, is paused, loads, builds, or runs with an error to look at. */
export function judge(parts: readonly Judged[]): { health: Health; reasons: string[] } {
  const red: string[] = []
  const yellow: string[] = []
  for (const { name, state, phase, error, tables = [] } of parts) {
    const why = error === null ? '' : ` (${error.code})`
    if (state === 'failed') red.push(`${name} failed${why}`)
    else if (state !== 'running') yellow.push(`${name} is ${state}${why}`)
    else if (error !== null) yellow.push(`${name}: ${error.code}`)
    else if (phase !== 'streaming' && phase !== 'live') yellow.push(`${name} is ${phase}`)
    for (const { table, state: load, error: trouble } of tables)
      if (trouble !== null) (load === 'failed' ? red : yellow).push(`the load of ${table}: ${trouble.code}`)
  }
  return { health: red.length > 0 ? 'red' : yellow.length > 0 ? 'yellow' : 'green', reasons: [...red, ...yellow] }
}
