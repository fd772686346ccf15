/** Deletes, or events, up to an offset were removed from the log, as its so many-th removal. */
export interface Removal {
  /** Grows, and is not below `to`. */
  readonly number: number
  readonly to: number
}

/**
 * The removals that tell which cursors would miss a delete: none that a later one goes beyond. A reader that began at the
 * start of the log behind a removal misses nothing by it, wherever it stands.
 */
export type Removals = readonly Removal[]

/** More are put together to fewer: some cursors are refused then that would miss nothing. */
const MOST = 32

/** The newest one's number; 0: there was none. */
export function removalNumber(removals: Removals): number {
  return removals.at(-1)?.number ?? 0
}

/** Who has begun behind the removal of this number misses something below this offset; 0: nothing. */
export function horizonSince(removals: Removals, begun: number): number {
  return removals.find(({ number }) => number > begun)?.to ?? 0
}

export function withRemoval(removals: Removals, to: number): Removals {
  const number = Math.max(removalNumber(removals) + 1, to)
  const kept = removals.filter(other => other.to > to)
  if (kept.length < MOST) return [...kept, { number, to }]
  return [...kept.slice(0, -1), { number, to: kept.at(-1)!.to }]
}
