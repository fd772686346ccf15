import type { ForgetReport, SourceLog } from './contract.ts'
import type { TailraceError } from './errors.ts'
import type { VerifyEvents, VerifyReport, VerifyRequest } from './verify-report.ts'

/**
 * What a running pipeline says about itself (the Status JSON, stable) and what can be asked of it. Times are ISO 8601;
 * a number that is not known is null, never 0.
 */

/** Of a source or a sink. `waiting`: for a server that cannot be reached, or for room in the log. */
export type PartState = 'starting' | 'running' | 'waiting' | 'paused' | 'failed' | 'stopped'

export type Health = 'green' | 'yellow' | 'red'

export interface Progress {
  readonly rows: number
  readonly totalRows: number | null
  /** Rows a second, lately. */
  readonly rate: number | null
  readonly etaSeconds: number | null
}

export interface StatusError {
  readonly code: string
  readonly message: string
  readonly hint: string | null
}

export interface TableStatus {
  readonly table: string
  /**
   * `loaded`: and the stream has not begun. `repairing`: rows of which not every column is known are read again. `failed`:
   * its load has, and the stream goes on.
   */
  readonly state: 'loading' | 'loaded' | 'streaming' | 'resyncing' | 'repairing' | 'failed' | 'stopped'
  readonly rows: number | null
  readonly estimatedRows: number | null
  /** Rows of which the log has not seen every column. */
  readonly incomplete: number | null
  /**
   * Only of tables whose rows also change in ways that no event tells of (`cascades`): since when such changes may be
   * missing. Null until the table was compared by this process.
   */
  readonly staleSeconds?: number | null
  /** Of a load beside the stream. */
  readonly progress: Progress | null
  /** Why its load has failed, or is being tried again. */
  readonly error: StatusError | null
}

export interface SourceStatus {
  readonly type: string
  readonly state: PartState
  /** Since when it is in this state; null if the process does not run. */
  readonly since: string | null
  readonly phase: 'loading' | 'streaming' | 'resyncing'
  readonly position: string | null
  readonly lag: { readonly bytes: number | null; readonly seconds: number | null }
  /** Log that the server keeps for this source. */
  readonly retained: {
    readonly bytes: number | null
    readonly limitBytes: number | null
    readonly fullInSeconds: number | null
  }
  readonly progress: Progress | null
  readonly tables: readonly TableStatus[]
  readonly log: {
    readonly start: string | null
    readonly end: string | null
    readonly bytes: number | null
    readonly records: number | null
    readonly diskFreeBytes: number | null
    /** Of the look-up by key: `building` from the beginning of the log, and bytes of it that are still to come. */
    readonly index: { readonly state: 'building' | 'following'; readonly behindBytes: number } | null
  }
  /** Full names of tables of which log and sinks still hold what is masked or excluded now, while that is removed. */
  readonly cleansing: readonly string[]
  readonly error: StatusError | null
}

/** A generation of a sink that is being built beside the live one. */
export interface RebuildStatus {
  readonly phase: 'clearing' | 'recalling' | 'building' | 'verifying' | 'swapping'
  readonly state: PartState
  /** Null where it is at the log's end. */
  readonly progress: Progress | null
  readonly lag: SinkStatus['lag']
  readonly error: StatusError | null
}

export interface SinkStatus {
  readonly type: string
  readonly state: PartState
  readonly since: string | null
  readonly phase: 'building' | 'live'
  /** By source. */
  readonly cursors: Readonly<Record<string, string | null>>
  readonly lag: { readonly records: number | null; readonly bytes: number | null; readonly seconds: number | null }
  readonly progress: Progress | null
  /** Changes applied since the process started. */
  readonly applied: number
  readonly quarantined: number
  /** Null unless `backfill --sink` is under way. */
  readonly rebuild: RebuildStatus | null
  readonly error: StatusError | null
}

export interface PipelineStatus {
  readonly version: string
  readonly pipeline: string
  /** Null if the process does not run. */
  readonly startedAt: string | null
  readonly health: Health
  /** Why the health is not green. */
  readonly reasons: readonly string[]
  readonly sources: Readonly<Record<string, SourceStatus>>
  readonly sinks: Readonly<Record<string, SinkStatus>>
}

export interface BackfillOptions {
  /** Full names; all if undefined. */
  readonly tables: readonly string[] | undefined
  /** What the source does not have any more is deleted at the end. */
  readonly resnapshot: boolean
  /** However much that is. */
  readonly yes: boolean
}

export interface RebuildOptions {
  /** It is compared with the sources before it is swapped. */
  readonly verify: boolean
  /** Instead of a new generation: the one that was live before, once it has caught up. */
  readonly rollback: boolean
}

/** What `forget` has done: nothing of these rows is left where it says so. */
export interface ForgetReceipt {
  readonly table: string
  readonly keys: readonly string[]
  /** ISO 8601. */
  readonly at: string
  readonly log: ForgetReport
  /** By sink that takes the table: a line for each file that was gone over. */
  readonly sinks: Readonly<Record<string, readonly string[]>>
}

/** A row that a sink's target refused, and that waits until a newer one takes its place. */
export interface QuarantinedRow {
  readonly source: string
  readonly table: string
  /** As `keyText` writes it; empty for a table without a key, and where every change counts. */
  readonly key: string
  readonly version: string
  readonly reason: string
  /** ISO 8601. */
  readonly at: string
}

/** What came of writing refused rows once more; `left`: such as are not found by a key. */
export interface RetryReport {
  readonly written: number
  readonly refused: number
  readonly left: number
}

/** What can be done with the rows that a sink's target refused: those of a table, those of keys, or all. */
export interface QuarantineActions {
  list(): readonly QuarantinedRow[]
  /** Writes the newest change of each once more. Throws PART_NOT_RUNNING. */
  retry(rows: { readonly table?: string; readonly keys?: readonly string[] }, signal: AbortSignal): Promise<RetryReport>
  /** Forgets them: the sink stays without them until their rows change. Answers how many. */
  drop(rows: { readonly table?: string; readonly keys?: readonly string[] }): Promise<number>
}

/** Where a sink reads on: behind a cursor, at the beginning, or with what was appended at a time, microseconds since 1970. */
export type ReplayFrom = { readonly cursor: string } | { readonly since: bigint }

export type Part = { readonly source: string } | { readonly sink: string }

/** A pipeline at work, as the CLI and HTTP see it. Unknown names throw UNKNOWN_SOURCE or UNKNOWN_SINK. */
export interface RunningPipeline extends AsyncDisposable {
  status(): Promise<PipelineStatus>
  /**
   * Resolves once these sinks (default: all) have applied everything that was committed at the sources before the
   * call, first loads and other loads under way included.
   */
  wait(sinks: readonly string[] | undefined, signal: AbortSignal): Promise<void>
  /** Durable: a paused part stays paused over restarts. */
  pause(part: Part): Promise<void>
  /** Also starts a failed part again. */
  resume(part: Part): Promise<void>
  /**
   * Reads rows of a source again beside its stream; one whose stream cannot go on begins a new one with `resnapshot`.
   * Answers the tables once it is durable that they will be read. Throws UNKNOWN_TABLE, PART_NOT_RUNNING.
   */
  backfill(source: string, options: BackfillOptions, signal: AbortSignal): Promise<readonly string[]>
  /**
   * Builds a sink anew from the log beside what it holds, and swaps. Resolves once it is durable that this is done.
   * Throws SINK_GENERATIONS, NO_GENERATION, GENERATION_SHAPE, REBUILD_BUSY.
   */
  rebuild(sink: string, options: RebuildOptions, signal: AbortSignal): Promise<void>
  /**
   * Has a sink read a part of the log once more. Answers where in the log of each source; resolves once it is durable
   * that it does. Throws CURSOR_FOREIGN, CURSOR_EXPIRED, PART_NOT_RUNNING.
   */
  replay(sink: string, from: ReplayFrom, signal: AbortSignal): Promise<Readonly<Record<string, string>>>
  quarantine(sink: string): QuarantineActions
  /**
   * Removes every byte of rows that the source has deleted from the log and the sinks' files. `keys` as `keyText` writes
   * them. It can be asked again after a failure. Throws UNKNOWN_TABLE, FORGET_KEY, FORGET_LIVE, FORGET_UNREAD, FORGET_LOADING,
   * FORGET_UNSUPPORTED, PART_NOT_RUNNING, REBUILD_BUSY.
   */
  forget(table: string, keys: readonly string[], signal: AbortSignal): Promise<ForgetReceipt>
  log(source: string): SourceLog
  sources(): readonly string[]
  sinks(): readonly string[]
  /** Resolves once every sink holds what was committed before it got there. */
  caughtUp(signal: AbortSignal): Promise<void>
  /**
   * Compares a sink with its sources by key while both move. Throws UNKNOWN_TABLE, VERIFY_UNSUPPORTED, VERIFY_BUSY while
   * the same sink is being compared, PART_NOT_RUNNING, PART_STOPPED.
   */
  verify(request: VerifyRequest, events: VerifyEvents, signal: AbortSignal): Promise<VerifyReport>
  /** Drains: what the log has taken stays, sinks store their cursors. */
  stop(): Promise<void>
  /** Resolves once every part runs, waits or is paused; rejects with the error of a part that cannot start. */
  readonly started: Promise<void>
  /** Resolves with an error that ends the whole process (LOG_DAMAGED, LOG_FSYNC); never otherwise. */
  readonly failed: Promise<TailraceError>
}
