import { someOf } from './some-of.ts'
import type { Health, SinkStatus, SourceStatus } from './status.ts'

export interface Judged {
  readonly name: string
  readonly state: string
  readonly phase: string
  readonly error: { readonly code: string } | null
  readonly tables?: SourceStatus['tables']
  readonly rebuild?: SinkStatus['rebuild']
  readonly quarantined?: number
  readonly cleansing?: SourceStatus['cleansing']
}

/** Red: something failed. Yellow: something waits, is paused, loads, builds, or runs with an error to look at. */
export function judge(parts: readonly Judged[]): { health: Health; reasons: string[] } {
  const red: string[] = []
  const yellow: string[] = []
  for (const { name, state, phase, error, tables = [], rebuild, cleansing = [], quarantined = 0 } of parts) {
    const why = error === null ? '' : ` (${error.code})`
    if (state === 'failed') red.push(`${name} failed${why}`)
    else if (state !== 'running') yellow.push(`${name} is ${state}${why}`)
    else if (error !== null) yellow.push(`${name}: ${error.code}`)
    else if (phase !== 'streaming' && phase !== 'live') yellow.push(`${name} is ${phase}`)
    if (quarantined > 0) red.push(`${name} lacks ${quarantined} rows that its target refused`)
    if (cleansing.length > 0) yellow.push(`${name}: what is masked now is being removed, of ${someOf(cleansing)}`)
    if (rebuild?.state === 'failed') yellow.push(`${name} is not built anew (${rebuild.error?.code})`)
    red.push(...loadReasons(tables.filter(({ state }) => state === 'failed')))
    yellow.push(...loadReasons(tables.filter(({ state }) => state !== 'failed')))
  }
  return { health: red.length > 0 ? 'red' : yellow.length > 0 ? 'yellow' : 'green', reasons: [...red, ...yellow] }
}

/** A line for each code, however many tables have it. */
function loadReasons(tables: NonNullable<Judged['tables']>): string[] {
  const byCode = Map.groupBy(tables, ({ error }) => error?.code)
  return [...byCode].flatMap(([code, troubled]) =>
    code === undefined ? [] : [`the load of ${someOf(troubled.map(({ table }) => table))}: ${code}`],
  )
}
