import type { LeafPages } from './load-state.ts'

/** A way through a table: query after query, of which a chunk takes as many as fill it. */
export interface Walk {
  /** The query that goes on where the last one ended; undefined: everything was passed. */
  query(): Query | undefined
  /** It was read up to the row at `next` (not taken), or to its end. `filled`: how full the chunk is now, at 1 full. */
  passed(next: Uint8Array | undefined, filled: number): void
  /** What was passed since the last chunk is in the log's way now. */
  keep(): void
  /** Back to the end of the last chunk: what was read since is read again. */
  drop(): void
  /** Canonical keys that bound the chunk at hand, where it is ordered by key. */
  bounds(): { readonly from?: Uint8Array; readonly to?: Uint8Array }
  /** What is done, for a later attempt. */
  done(): WalkDone
}

export interface WalkDone {
  readonly leaves: readonly LeafPages[]
  readonly key?: string
}

export interface Query {
  readonly sql: string
  /** Its first column is no column of the table but the row's place, in text; else the place is the row's key. */
  readonly hasPlace: boolean
}
