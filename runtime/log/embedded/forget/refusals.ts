import type { ReaderState, RowKey } from '../../../contract.ts'
import { TailraceError } from '../../../errors.ts'
import type { Checkpoint } from '../checkpoint.ts'
import { readersBelow } from '../compaction/registered.ts'
import type { Head } from '../head.ts'
import type { ForgottenRows, NewestChange } from './forgotten-rows.ts'

/** Why rows cannot be forgotten now. No message holds a key. */

/** Throws FORGET_LIVE. `newest`: of the rows, in their order. */
export function requireDeleted(rows: readonly Pick<RowKey, 'table'>[], newest: readonly NewestChange[]): void {
  const live = rows.filter((_, i) => newest[i]!.isLive).map(({ table }) => table.name)
  if (live.length === 0) return
  throw new TailraceError('FORGET_LIVE', 'stop', `${live.length} of the rows are there, in ${namesOf(live)}.`, {
    hint: 'Delete them at the source first, and call this again once the log has the delete: they would come back.',
  })
}

/** Throws FORGET_UNREAD if a reader that would keep a row has not come to this offset. */
export function requireRead(readers: readonly ReaderState[], head: Head, offset: number): void {
  const behind = readersBelow(readers, head, offset)
  if (behind.length === 0) return
  throw new TailraceError('FORGET_UNREAD', 'retry', `Not read yet what became of the rows: ${behind.join(', ')}.`, {
    hint: 'A sink that has read a row needs its delete. Wait for the sink, or take it off with `tailrace remove --sink`.',
  })
}

/** Throws FORGET_LOADING if a load may bring a row that it has read before, or its note names one. */
export function requireLoaded(names: ReadonlySet<string>, { loads }: Checkpoint, rows: ForgottenRows): void {
  const loading = loads.filter(([name, { done }]) => names.has(name) && !done).map(([name]) => name)
  if (loading.length > 0)
    throw new TailraceError('FORGET_LOADING', 'retry', `A load is under way of ${namesOf(loading)}.`, {
      hint: 'It may have read the rows before they were deleted. Wait until it has ended.',
    })
  const noted = loads.filter(([name, { state }]) => rows.isIn(name, state)).map(([name]) => name)
  if (noted.length > 0)
    throw new TailraceError('FORGET_LOADING', 'stop', `What was noted of a load names a row of ${namesOf(noted)}.`, {
      hint: 'Load the table again: `tailrace backfill --source NAME --table TABLE`.',
    })
}

function namesOf(tables: readonly string[]): string {
  return [...new Set(tables)].join(', ')
}
