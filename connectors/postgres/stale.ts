import type { LoadProgress, Table } from '../../runtime/contract.ts'
import type { Captured } from './capture.ts'
import { filesOf, type LeafFile } from './catalog-rows.ts'
import { type Origin, originOf } from './definition.ts'
import { parseLoadState } from './load-state.ts'

/** What the log holds of a table is not what its rows are, and no event will mend it: they are read again. */
export interface Stale {
  readonly reason: string
  /** Rows may be gone as well. Not where a new incarnation begins with none. */
  readonly sweep: boolean
}

export const REREAD = 'rows are not what the log has: the table is read again'

/** What was read of a table last. */
export interface LastRead {
  /** Versions up to this id had been numbered. */
  readonly id: number
  readonly files: readonly LeafFile[]
}

/** `known`: all versions of the table that anybody has met. An outbox never is: what was in it is in the log. */
export function staleSince(captured: Captured, known: readonly Table[], last: LastRead): Stale | undefined {
  const { table, leaves } = captured
  if (table.routed === true) return undefined
  const own = [...known, table].filter(({ incarnation }) => incarnation === table.incarnation)
  const marked = own.find(({ id, origin }) => id > last.id && isMarkedStale({ origin }))
  if (marked !== undefined) {
    const isReborn = table.incarnation > 1 && own.every(({ id }) => id > last.id)
    return { reason: originOf(marked).stale!, sweep: !isReborn }
  }
  const reason = otherFiles(last.files, filesOf(leaves))
  return reason === undefined ? undefined : { reason, sweep: true }
}

/** The same at a start. `lane`: of the table's last load, `known`: its versions in the log, of which there are some. */
export function staleAtStart(
  captured: Captured,
  known: readonly Table[],
  lane: LoadProgress | undefined,
): Stale | undefined {
  const state = parseLoadState(lane?.state ?? '')
  if (lane?.done === false) return unfinishedStale(captured, state?.leaves ?? [])
  const newest = known.at(-1)
  const files = state?.files ?? (newest === undefined ? [] : originOf(newest).files)
  return staleSince(captured, known, { id: state?.table ?? 0, files })
}

/** What is left of a load is read anyhow, and what its leaves lost in the meantime is not known without a sweep. */
function unfinishedStale(
  { leaves }: Captured,
  read: readonly { readonly oid: number; readonly file: string }[],
): Stale | undefined {
  const reason = lost(
    read.map(({ oid, file }) => [oid, file] as const),
    filesOf(leaves),
  )
  return reason === undefined ? undefined : { reason, sweep: true }
}

/** Rows of versions before this one must be read again. */
export function isMarkedStale({ origin }: Pick<Table, 'origin'>): boolean {
  return (JSON.parse(origin) as Origin).stale !== undefined
}

function otherFiles(then: readonly LeafFile[], now: readonly LeafFile[]): string | undefined {
  const known = new Set(then.map(([oid]) => oid))
  if (now.some(([oid]) => !known.has(oid))) return 'a partition was attached'
  return lost(then, now)
}

function lost(then: readonly LeafFile[], now: readonly LeafFile[]): string | undefined {
  const files = new Map(now.map(leaf => [leaf[0], leaf] as const))
  if (then.some(([oid]) => !files.has(oid))) return 'a partition was detached or dropped'
  if (then.some(leaf => holdsOthers(leaf, files.get(leaf[0])!))) return 'it was rewritten or truncated'
  return undefined
}

function holdsOthers([, fileThen, columnsThen]: LeafFile, [, file, columns]: LeafFile): boolean {
  return file !== fileThen && (columns === undefined || columns !== columnsThen)
}
