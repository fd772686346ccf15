/** What `tailrace verify` is asked, what it tells while it works, and what it answers. JSON as it stands. */

export interface VerifyRequest {
  readonly sink: string
  /** Patterns of full table names; undefined: all that the sink takes. */
  readonly tables: readonly string[] | undefined
  /** Rows that differ are written anew through the log, and compared again. */
  readonly fix: boolean
}

/** How one key differs. */
export interface Difference {
  /** Full name, `source.schema.table`. */
  readonly table: string
  /** As in record/key.ts `keyText`. */
  readonly key: string
  /** `missing`: at the source alone; `extra`: in the sink alone; `different`: in both, with other values. */
  readonly kind: 'missing' | 'extra' | 'different'
  /** Of `different`: names of the columns; none if what stands in the sink is no row at all. */
  readonly columns: readonly string[]
  /** It was written anew, and the sink then had what the source has. */
  readonly fixed: boolean
}

/** A key that changed too often to be compared. */
export interface Unsettled {
  readonly table: string
  readonly key: string
}

export interface VerifyProgress {
  readonly table: string
  /** `source`: its rows are asked for in the sink; `sink`: the other way round. */
  readonly walk: 'source' | 'sink'
  readonly rows: number
  readonly totalRows: number | null
  /** Rows a second, lately. */
  readonly rate: number | null
  readonly etaSeconds: number | null
  /** Keys found to differ so far, in all tables. */
  readonly differences: number
}

export interface TableReport {
  readonly table: string
  /** False: it was left out. */
  readonly isCompared: boolean
  /** Rows of the source. */
  readonly compared: number
  readonly missing: number
  readonly extra: number
  readonly different: number
  /** Of these three, mended by `fix`. */
  readonly fixed: number
  readonly unsettled: number
  /** Why it was left out, or what of it; null if nothing was. */
  readonly leftOut: string | null
}

export interface VerifyReport {
  readonly sink: string
  /** Nothing differs, or all of it was mended. */
  readonly equal: boolean
  readonly seconds: number
  readonly tables: readonly TableReport[]
}

/** Told while it works; what answers a promise is waited for. */
export interface VerifyEvents {
  difference(difference: Difference): Promise<void>
  unsettled(key: Unsettled): Promise<void>
  progress(progress: VerifyProgress): Promise<void>
}
