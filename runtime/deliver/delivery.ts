import type { ReadOptions, SourceLog, TableFilter } from '../contract.ts'
import type { Quarantine, QuarantineLimits } from '../quarantine/quarantine.ts'
import type { Retries } from '../quarantine/retry.ts'

/** What a delivery makes use of a log for: it may stand for one whose changes have another shape. */
export type DeliveredLog = Pick<SourceLog, 'readers' | 'end' | 'compare' | 'read' | 'tables' | 'again'>

/** From one source's log into one sink. */
export interface Delivery {
  /** Name of the reader in the log's registry. */
  readonly sinkName: string
  readonly log: DeliveredLog
  readonly filter: TableFilter
  readonly limits: ReadOptions
  readonly reads: 'state' | 'history'
  readonly coalesce: boolean
  /** A delete removes the row, so that it makes earlier changes of the row needless. */
  readonly deletes: boolean
  /** The source reads its tables for the first time: a sink that has all of the log may still have most of them before it. */
  readonly isLoading: () => boolean
  /** The sink is to be built anew, whatever its cursor says. */
  readonly isAnew?: boolean
  /** Resolves once it is noted that the sink is being built anew: its cursor says so from now on. */
  readonly anewBegun?: () => Promise<void>
  /** Where rows go that the target refuses; undefined: the first one ends the delivery. */
  readonly rejects?: Rejects
}

/** What becomes of rows of one source that the target refuses. */
export interface Rejects {
  readonly source: string
  readonly quarantine: Quarantine
  readonly limits: QuarantineLimits
  readonly retries: Retries
}
