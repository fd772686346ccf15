import type { IndexStats, LoadProgress } from '../contract.ts'
import type { LoadState } from '../ingest/loads.ts'
import { progress } from '../lag.ts'
import type { Progress, TableStatus } from '../status.ts'
import { statusError } from '../status-error.ts'

export interface TableFacts {
  /** The stream has not begun. */
  readonly isLoading: boolean
  readonly names: Iterable<string>
  /** Loads beside the stream that have not ended, by table. */
  readonly loads: ReadonlyMap<string, LoadState>
  /** The last progress of the table's lane. */
  lane(table: string): Pick<LoadProgress, 'done' | 'rows' | 'totalRows'> | undefined
  readonly index: IndexStats | undefined
  /** As Source.staleness. */
  readonly stale: ReadonlyMap<string, number | null> | undefined
}

/** What status says of each table, by name. */
export function tableStatuses({ isLoading, names, loads, lane, index, stale }: TableFacts): TableStatus[] {
  return [...new Set(names)].sort().map(table => {
    const load = loads.get(table)
    const last = load === undefined || load.kind === 'repair' ? lane(table) : load
    const staleSeconds = stale?.get(table)
    return {
      table,
      state: isLoading ? (last === undefined || isDone(last) ? 'loaded' : 'loading') : stateOf(load),
      rows: last?.rows ?? null,
      estimatedRows: last?.totalRows ?? null,
      incomplete: index === undefined ? null : (index.incomplete.get(table) ?? 0),
      ...(staleSeconds === undefined ? {} : { staleSeconds }),
      progress: load === undefined || load.kind === 'repair' ? null : progress(load.rows, load.totalRows, load.rate),
      error: statusError(load?.error),
    }
  })
}

function isDone(last: object): boolean {
  return 'done' in last && last.done === true
}

const STATES = { load: 'loading', resync: 'resyncing', repair: 'repairing' } as const

function stateOf(load: LoadState | undefined): TableStatus['state'] {
  if (load === undefined) return 'streaming'
  return load.state === 'failed' ? 'failed' : STATES[load.kind]
}

/** Those of whole tables. */
export function wholeLoads(loads: ReadonlyMap<string, LoadState>): LoadState[] {
  return [...loads.values()].filter(({ kind }) => kind !== 'repair')
}

/** Of all loads beside the stream together; null if there is none. */
export function loadsProgress(loads: ReadonlyMap<string, LoadState>): Progress | null {
  const whole = wholeLoads(loads)
  if (whole.length === 0) return null
  let [rows, rate]: [number, number | null] = [0, null]
  for (const load of whole) {
    rows += load.rows
    if (load.rate !== null) rate = (rate ?? 0) + load.rate
  }
  return progress(rows, totalRowsOf(whole), rate)
}

/** Null: of one of them it is not known. */
export function totalRowsOf(loads: Iterable<Pick<LoadProgress, 'totalRows'>>): number | null {
  let sum = 0
  for (const { totalRows } of loads) {
    if (totalRows === null) return null
    sum += totalRows
  }
  return sum
}
