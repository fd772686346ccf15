import type { Fence, KeyState, Source, TransactionId } from '../contract.ts'

/** What becomes of a chunk's row: it is appended, it completes the newest row of its key, or nothing. */
export type Decision = 'append' | 'complete' | 'nothing'

/**
 * R4.4. `state` is that of the key in the log, `isSeen`: the chunk's fence sees the transaction of its newest change,
 * `isTruncateSeen`: the same of the newest truncate, true if there is none.
 */
export function decide(state: KeyState, isSeen: boolean, isTruncateSeen: boolean): Decision {
  if (state === 'none') return isTruncateSeen ? 'append' : 'nothing'
  if (!isSeen) return state === 'incomplete' ? 'complete' : 'nothing'
  return state === 'same' ? 'nothing' : 'append'
}

/** A change of the log, as a fence is asked about it. */
export interface Written {
  readonly version: bigint
  /** Undefined for what a load wrote. */
  readonly transaction: TransactionId | undefined
}

/**
 * Whether the fence sees it. What a load wrote it does: the chunks of a table come in the order of their fences. So it
 * does transactions of an earlier lineage, whose numbers mean nothing any more.
 */
export function isSeen(
  { version, transaction }: Written,
  fence: Fence,
  lineageFrom: bigint,
  sees: Source['sees'],
): boolean {
  return transaction === undefined || version <= lineageFrom || sees(fence, transaction)
}
