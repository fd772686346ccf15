import type { ReaderState } from '../../../contract.ts'
import type { Head } from '../head.ts'

/** Offset up to which a reader has read, as far as it has saved that; 0: nothing, or of another log. */
function offsetOf({ cursor }: ReaderState, { cursors, end }: Head): number {
  return cursor === undefined ? 0 : (cursors.parse(cursor, end) ?? 0)
}

/** Everything up to this offset was read by every registered reader that is waited for. */
export function readTo(readers: readonly ReaderState[], head: Head): number {
  const offsets = readers.filter(({ expired }) => !expired).map(reader => offsetOf(reader, head))
  return Math.min(head.end, ...offsets)
}

/** Readers of histories have not come to what lies behind this offset: it is left as it is. */
export function historyReadTo(readers: readonly ReaderState[], head: Head): number {
  const ofHistories = readers.filter(({ reads }) => reads === 'history')
  return readTo(ofHistories, head)
}

/** Names of the registered readers that are waited for and have not come to this offset. */
export function readersBelow(readers: readonly ReaderState[], head: Head, offset: number): string[] {
  return readers.filter(reader => !reader.expired && offsetOf(reader, head) < offset).map(({ name }) => name)
}

/** Registered readers that have not come for so long (milliseconds). */
export function silentSince(readers: readonly ReaderState[], ageMs: number): ReaderState[] {
  return readers.filter(({ savedAt, registeredAt, expired }) => {
    return !expired && Date.now() - Date.parse(savedAt ?? registeredAt) >= ageMs
  })
}
