import type { Batch, Fence, LoadProgress, Pass, Passes, Source, SourceLog, Table, UnseenKey } from '../contract.ts'
import type { TailraceError } from '../errors.ts'
import { isSeen, type Written } from './decide.ts'
import { deletesOf } from './deletes.ts'
import { isTooMany, tooManyDeletes } from './guard.ts'
import type { LogWriter } from './log-writer.ts'

/** Keys looked at, and deleted in one unit, at a time. */
const PAGE = 1000
/** Keys to delete that are kept in memory. */
const KEPT = 10_000

export interface SweepPlace {
  readonly source: Pick<Source, 'sees' | 'maxDeletes'>
  readonly log: Required<Pick<SourceLog, 'states'>> & Pick<SourceLog, 'tables'>
  readonly passes: Passes
  readonly writer: LogWriter
}

/** A pass whose rows are all read. */
export interface Swept {
  readonly table: Table
  readonly pass: Pass & { readonly fence: Fence }
  /** What the lane says until the sweep has ended. */
  readonly progress: LoadProgress
}

/**
 * Deletes what the log holds of the table and the pass has not seen (R6.3), a unit a page. Answers the error of the
 * guard, with nothing deleted, instead of going beyond what it lets pass (R6.5). Again after a crash it goes on.
 */
export async function sweep(swept: Swept, place: SweepPlace, signal: AbortSignal): Promise<TailraceError | undefined> {
  const { table, pass, progress } = swept
  const first: (readonly UnseenKey[])[] = []
  let deletes = 0
  for await (const page of unseen(swept, place, signal)) {
    deletes += page.length
    if (pass.isUnlimited !== true && isTooMany(deletes, progress.rows, place.source.maxDeletes))
      return tooManyDeletes(table.source, table.name, deletes, progress.rows)
    // A walk takes long where there is little to find: so few are kept instead of looked for once more.
    if (deletes <= KEPT) first.push(page)
  }
  for (const page of first) await deletePage(swept, place, page, signal)
  if (deletes > KEPT)
    for await (const page of unseen(swept, place, signal)) await deletePage(swept, place, page, signal)
  return undefined
}

function deletePage(swept: Swept, place: SweepPlace, page: readonly UnseenKey[], signal: AbortSignal): Promise<void> {
  return place.writer.merged(
    swept.table,
    async () => page,
    keys => stillUnseen(swept, place, keys),
    signal,
  )
}

/** Pages of the keys that are to go, as the log stands when each is looked up. */
async function* unseen(
  { table, pass }: Swept,
  { passes, ...place }: SweepPlace,
  signal: AbortSignal,
): AsyncGenerator<readonly UnseenKey[]> {
  let after: Uint8Array | undefined
  for (;;) {
    signal.throwIfAborted()
    const page = await passes.unseen(table, pass.id, after, PAGE)
    if (page.length === 0) return
    after = page.at(-1)!.key
    const gone = page.filter(key => mayGo(key, pass, place))
    if (gone.length > 0) yield gone
  }
}

/** What came after the pass began, and what its first fence does not see, stays. */
function mayGo(key: Written, pass: Swept['pass'], { source, writer }: Omit<SweepPlace, 'passes'>): boolean {
  return key.version <= BigInt(pass.since) && isSeen(key, pass.fence, writer.lineageFrom, source.sees.bind(source))
}

/** The deletes of those keys that nobody has changed since they were looked up. */
async function stillUnseen(
  { table, pass, progress }: Swept,
  { log }: SweepPlace,
  page: readonly UnseenKey[],
): Promise<Batch | undefined> {
  const deletes = (unseen: readonly UnseenKey[]): Batch =>
    deletesOf({ table, keys: unseen.map(({ key }) => key), high: pass.fence.high, progress })
  const asked = deletes(page)
  const now = await log.states(asked)
  const left = page.filter((key, i) => now.version(i) === key.version)
  if (left.length === page.length) return asked
  return left.length === 0 ? undefined : deletes(left)
}
