/**
 * The contract between Tailrace and its plugins: every public type.
 *
 * Glossary
 *   Table        a captured table at one schema version, frozen and shared by reference
 *   Change       one row's read (r), insert (c), update (u) or delete (d), a truncate (t), a message (m) or a schema (s)
 *   Batch        many changes in the log's binary record format, on their way from a source into the log
 *   Unit         what becomes visible in the log at once: whole transactions, a chunk of a load, or a heartbeat
 *   Lane         a line of units with a resume of its own: `stream`, or `load:<table>`
 *   Position     where a source can restart; opaque, only its source compares; always a commit, never a row
 *   Cursor       where a reader of a log stands; opaque outside the log
 *   Source, Log, Sink   the three plugin kinds. A sink plugin opens one Target per configured sink, and in it one Sink
 *                per source
 *   Fence        what a chunk's read could see of the transactions that the stream delivers
 *   Incarnation  a table's life: a new one begins when it is dropped and made again or its key columns change
 *
 * Every method may throw TailraceError (runtime/errors.ts); its `recovery` tells the supervisor what to do. Plugins
 * never retry: the supervisor alone does. A method that takes a signal rejects with the signal's reason soon after it
 * aborts.
 */
import type { Logger } from 'pino'
import type { ZodType } from 'zod'
import type { CellTag } from './record/layout.ts'

declare const brand: unique symbol
export type Opaque<Name extends string> = string & { readonly [brand]: Name }
export type Position = Opaque<'Position'>
export type Cursor = Opaque<'Cursor'>
export type TransactionId = Opaque<'TransactionId'>

export type Kind = 'c' | 'r' | 'u' | 'd' | 't' | 'm' | 's'

// ── Tables ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What a column's text means. The text itself is always what the database prints. */
export type LogicalType =
  | { readonly kind: 'boolean' | 'int16' | 'int32' | 'int64' | 'uint64' | 'float32' | 'float64' }
  | { readonly kind: 'decimal'; readonly precision?: number; readonly scale?: number }
  | { readonly kind: 'text' | 'bytes' | 'uuid' | 'json' | 'xml' | 'bits' | 'interval' | 'date' }
  | { readonly kind: 'time' | 'timetz' | 'timestamp' | 'timestamptz'; readonly precision?: number }
  | { readonly kind: 'enum'; readonly labels: readonly string[] }
  | { readonly kind: 'array'; readonly element: LogicalType }
  /** Known to the database only: carried as text. */
  | { readonly kind: 'other' }

export interface Column {
  readonly name: string
  readonly type: LogicalType
  /** The type as the source's DDL writes it, for people and for sinks of the same family: `numeric(10,2)`. */
  readonly declared: string
  readonly nullable: boolean
  /** The value was replaced before it was stored (hash, redact, null). */
  readonly masked?: boolean
}

export interface Table {
  /** Numbered by the source within its log; a new version or incarnation is a new id. From 1. */
  readonly id: number
  /** `source.schema.table`, each part quoted where it must be. */
  readonly name: string
  readonly source: string
  readonly schema: string
  readonly table: string
  readonly incarnation: number
  readonly version: number
  readonly columns: readonly Column[]
  /** Indexes into `columns`, in key order. Empty for a table without a key, which is then append-only. */
  readonly key: readonly number[]
  readonly appendOnly: boolean
  /**
   * An outbox: its rows stand in the tables of their types. It has none of its own, and no reader of the log is told of
   * it but its source.
   */
  readonly routed?: true
  /** Columns that the source has and the configuration excludes. */
  readonly excluded?: readonly string[]
  /** The source's own identity of this table, opaque elsewhere (PostgreSQL: oid and attribute fingerprint). */
  readonly origin: string
}

// ── Changes ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** One change, as a window on the batch's bytes. Valid until the next step of the iteration; copy what must stay. */
export interface ChangeView {
  readonly kind: Kind
  /** For `s`: the table version that begins here. */
  readonly table: Table
  /** Canonical bytes (record/key.ts). Empty for t and s. */
  readonly key: Uint8Array
  /** False while a cell is absent. */
  readonly complete: boolean
  /** The source's transaction; undefined for rows of a load. */
  readonly transaction: TransactionId | undefined
  /** Commit position of that transaction, or what the load's fence calls high; empty for an `s` outside of both. */
  readonly position: Position
  /** Microseconds since 1970, on the source server's clock. */
  readonly commitTime: bigint
  /** Place in its transaction, from 0. */
  readonly index: number
  /** Primary-key change: the other key of the pair; empty if that one was forgotten. */
  readonly moved: Uint8Array | undefined
  /** True where `before` answers for every column, not just the key's. */
  readonly hasBefore: boolean
  tag(column: number): CellTag
  /** The cell's bytes; empty for null and absent. A view: not valid after the step. */
  cell(column: number): Uint8Array
  /** All cells as they stand in the record (record/layout.ts), one behind the other; empty for d, t and s. A view too. */
  readonly cells: Uint8Array
  /** Text, or null for null and absent (ask `tag`). Bytes that are not text come as `\x` and hex. */
  text(column: number): string | null
  /** The same of the row before the change; undefined where it is not known. */
  before(column: number): string | null | undefined
  /**
   * Writes the row as one JSON object (record/json.ts gives the value of each type; absent cells are left out).
   * Answers the position behind it, or -1 if `into` is too small (what lies behind `at` is then undefined).
   */
  toJson(into: Uint8Array, at: number): number
  /** The row as an object: 64-bit integers as bigint, everything else as in JSON. For user code, not for hot paths. */
  toObject(): Record<string, unknown>
}

/** A change with its place in the log. */
export interface LoggedChange extends ChangeView {
  /** Grows per key within a log id; a rewrite of the log never alters it. Embedded log: the offset. */
  readonly version: bigint
  /** The cursor behind this change. */
  readonly cursor: Cursor
  /** When the log took it, microseconds since 1970 on our clock. */
  readonly appendTime: bigint
}

// ── Source ──────────────────────────────────────────────────────────────────────────────────────────────────────────

/** What the source remembers of the server it reads (PostgreSQL: R7.1), by name. Text only. */
export type SourceIdentity = Readonly<Record<string, string>>

export interface LoadProgress {
  readonly done: boolean
  readonly rows: number
  /** null: not known. */
  readonly totalRows: number | null
  /**
   * The source's own note of what is read, opaque elsewhere. A key in it stands in base64, so that a log finds it that is
   * to forget the row; once `done` there is none.
   */
  readonly state: string
  /** Ingest's note of the pass that this load is (R6). */
  readonly pass?: Pass
}

/** A re-read of a table with evidence of what was there, so that what was not can be swept away. */
export interface Pass {
  readonly id: string
  /**
   * In decimal: the version of the newest change when it began, and from its first chunk on of the newest change when the
   * stream had passed that chunk's fence. What came later is never swept.
   */
  readonly since: string
  /** Of its first chunk. */
  readonly fence?: Fence
  /** Every row is read: what is left is the sweep. */
  readonly isRead?: true
  /** A person has allowed it to delete as much as there is (R6.5). */
  readonly isUnlimited?: true
}

/** What a log holds of its source: where each lane stands, the tables and the server's identity. */
export interface Resume {
  /** Missing until the first load has ended. */
  readonly stream?: Position
  /** By table name. */
  readonly loads: ReadonlyMap<string, LoadProgress>
  /** Every table version the log knows, by ascending id. */
  readonly tables: readonly Table[]
  readonly identity: SourceIdentity
  /**
   * Changes up to this version are of an earlier lineage, as `identity.lineage` tells them apart: every fence sees their
   * transactions, whose numbers mean nothing any more. 0: there was none.
   */
  readonly lineageFrom: bigint
}

/** How far a table's load has come. */
export interface LaneEnd {
  readonly lane: `load:${string}`
  readonly progress: LoadProgress
}

/** The end of a unit: the resume of its lane, stored with the data. Small chunks of several loads may be one unit. */
export type UnitEnd = (
  | { readonly lane: 'stream'; readonly position: Position }
  | (LaneEnd & { readonly others?: readonly LaneEnd[] })
) & { readonly identity?: SourceIdentity }

/**
 * Entries ready for the log. Once yielded it belongs to the log: the source never touches the bytes again, nor any other
 * view of their buffer. Without `end` the unit goes on in the next batch.
 */
export interface Batch {
  readonly bytes: Uint8Array
  /** Entries, each of which takes one offset. */
  readonly entries: number
  /** Changes among them. */
  readonly count: number
  /** Rows among them with absent cells. */
  readonly incomplete: number
  /** Ids of the tables that occur. */
  readonly tables: ReadonlySet<number>
  /** Definitions of all tables of this source so far, by id. */
  readonly registry: ReadonlyMap<number, Table>
  readonly end?: UnitEnd
  /** Where the unit end's entry stands in `bytes`; -1 inside a unit. */
  readonly endAt: number
  [Symbol.iterator](): Iterator<ChangeView>
}

export interface Fence {
  /** Opaque; only the source reads it. */
  readonly data: string
  /** The chunk may be merged once the stream has passed this. */
  readonly high: Position
}

/** A fenced read of part of a table: one unit of the lane `load:<table>`. */
export interface Chunk {
  readonly table: Table
  readonly fence: Fence
  /** Ends its unit: `rows.end` carries `progress`. */
  readonly rows: Batch
  readonly progress: LoadProgress
  /** Keys that bound the chunk, where it is ordered by key. */
  readonly from?: Uint8Array
  readonly to?: Uint8Array
}

export interface LoadRequest {
  readonly table: Table
  readonly scope:
    | { readonly kind: 'all' }
    | { readonly kind: 'range'; readonly from?: Uint8Array; readonly to?: Uint8Array }
    /** Also keys that no row can have: those of rows found elsewhere. */
    | { readonly kind: 'keys'; readonly keys: readonly Uint8Array[] }
  /** A former load of this table did not finish and nothing of it counts: the chunk stream begins with a truncate. */
  readonly restart: boolean
  /**
   * False: read under the snapshot exported by `start`, before the stream begins. True: read beside the stream, under
   * fences of its own, and merged by ingest (R4).
   */
  readonly beside: boolean
  /** What an earlier attempt, whose last progress this is, has read already. */
  readonly resume?: LoadProgress
  /** What the log holds beyond the rows read is swept at the end (R6). */
  readonly sweep?: boolean
  /**
   * The chunks are looked at and not appended (`tailrace verify`): what they announce stays unknown to the log. Any
   * number of these at a time.
   */
  readonly readOnly?: boolean
  /**
   * For a sink that lost its rows (`tailrace verify --fix`): what is read is appended even where the log has the same,
   * and a key of the scope `keys` without a row gets a delete. Where the log has what the fence does not see, nothing is.
   */
  readonly repair?: boolean
  readonly estimatedRows: number | null
  readonly estimatedBytes: number | null
}

export interface SourceHead {
  /** The server's newest position. */
  readonly position: Position
  /** Bytes of log between the acknowledged position and the head; null if unknown. */
  readonly lagBytes: number | null
  /** Log that the server keeps for us, its limit, and when that limit is met at the present rate. */
  readonly retained: { bytes: number | null; limitBytes: number | null; fullInSeconds: number | null }
}

export interface StartOptions {
  /** Where the stream cannot go on, begin a new one and have every table read again. */
  readonly resync: boolean
  /** Code of the error that the stream ended with, which is the reason for the resync. */
  readonly failed?: string | undefined
}

export interface Source extends AsyncDisposable {
  /**
   * Checks prerequisites and lineage (R7), makes publication and slot where they are missing, and answers the loads
   * that are still to do. A snapshot exported for them is held until those not `beside` have ended. Called once, before
   * all others. `resync`: where the stream cannot go on behind `from`, begin a new one and answer a load with `sweep` of
   * every table.
   */
  start(from: Resume | undefined, signal: AbortSignal, options?: StartOptions): Promise<readonly LoadRequest[]>
  /**
   * The stream from where `start` was told to resume, as units of lane `stream`; begun after the loads of `start` that
   * are not `beside`. Ends only by its signal or by throwing. Pull is the back-pressure; keepalives do not wait for it.
   */
  changes(signal: AbortSignal): AsyncIterable<Batch>
  /**
   * Reads a table as units of lane `load:<table>`, in the order of their fences. A load that is not `beside` may end
   * before it is done: the rest is then read beside the stream. One at a time for each table, `readOnly` ones apart;
   * loads of several tables may be under way, the first of all alone until it is asked for its second chunk.
   */
  load(request: LoadRequest, signal: AbortSignal): AsyncIterable<Chunk>
  /** Loads that become due while the stream runs: tables added, rows changed without events. Ends only by its signal. */
  due?(signal: AbortSignal): AsyncIterable<LoadRequest>
  /** The request for these keys, or all rows, of a table that is captured now; undefined if it is not (any more). */
  request?(table: string, scope: LoadRequest['scope'], sweep: boolean): LoadRequest | undefined
  /** Whether the chunk's read saw this transaction. An exported snapshot's fence sees none that the stream brings. */
  sees(fence: Fence, transaction: TransactionId): boolean
  /** Everything up to here is durable in our log: the source may forget it. Never blocks; sent when it suits. */
  ack(position: Position): void
  head(signal: AbortSignal): Promise<SourceHead>
  /**
   * Tables, by name, whose rows also change in ways that no event tells of, and are therefore compared from time to time:
   * for how many seconds such changes may have gone unseen. Null: unknown.
   */
  staleness?(): ReadonlyMap<string, number | null>
  /** Someone waits until the stream's position covers `position`: ask the server often, until then or abort. */
  hasten(position: Position, signal: AbortSignal): void
  /** True if a resume at `a` needs nothing up to `b`. Positions are only partially ordered. */
  covers(a: Position, b: Position): boolean
  /**
   * For each column of `now`, which column of `then` it is, a former version in the same incarnation; -1: none. Without
   * it columns are known by name and declared type. A column that another one's name has passed to is not that one.
   */
  formerColumns?(now: Table, then: Table): readonly number[]
  /** Updates and deletes get the whole row before them, also where this source does not deliver it. */
  readonly before?: 'source' | 'always'
  /** What a sweep may delete of a table without being asked: keys, or a share of them as `20%` (the default). */
  readonly maxDeletes?: number | string
}

// ── Log ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

export type TableFilter = (table: Table) => boolean

export interface ReadOptions {
  /** A batch ends at the first transaction end beyond either. */
  readonly maxBytes?: number
  readonly maxRows?: number
  /** The cursor is one that `readers.admit` has answered; only then may it stand below what compaction has removed. */
  readonly isAdmitted?: boolean
}

/** Changes on their way to a sink: only those of the tables asked for, durable, in the log's order. */
export interface LogBatch {
  /** The chunks of record format that hold the changes; immutable and shared by all readers of a thread. */
  readonly slices: readonly LogSlice[]
  /** The cursor behind the batch: what a sink stores when it has it. */
  readonly cursor: Cursor
  /** Changes that iterating yields. May be 0: only the cursor moved (R8.3). */
  readonly count: number
  readonly endsTransaction: boolean
  /** Compaction, or `forget`, removed history between the previous batch and this one, or in it. */
  readonly gap: boolean
  readonly tables: ReadonlyMap<number, Table>
  /** The same changes in batches of at most `rows`, each with its own cursor. */
  split(rows: number): LogBatch[]
  /** The same place in the log over other bytes, for what the runtime makes of the changes; `count` of them. */
  over(slices: readonly LogSlice[], tables: ReadonlyMap<number, Table>, count: number): LogBatch
  [Symbol.iterator](): Iterator<LoggedChange>
}

/** Entries of one chunk, from byte `from` to byte `to`. The offset of an entry is `base` plus its delta. */
export interface LogSlice {
  readonly bytes: Uint8Array
  readonly from: number
  readonly to: number
  /** Where in `bytes` the header of the transaction stands that `from` lies in; -1 if it lies in none. */
  readonly transactionAt: number
  readonly base: number
  readonly appendTime: bigint
}

export interface ReaderState {
  readonly name: string
  readonly cursor: Cursor | undefined
  /** ISO 8601, when it was registered and when its cursor was last saved. */
  readonly registeredAt: string
  readonly savedAt: string | undefined
  /** `history`: it wants every change, and compaction waits for it. */
  readonly reads: 'state' | 'history'
  /** It has not come for so long that compaction waits for it no more; it starts anew. */
  readonly expired: boolean
}

export interface LogLag {
  readonly records: number | null
  readonly bytes: number | null
  /** Commit time of the oldest record not yet read, microseconds since 1970. */
  readonly oldestCommitTime?: bigint
}

export interface LogStats {
  readonly start: Cursor | undefined
  readonly end: Cursor | undefined
  readonly bytes: number | null
  readonly records: number | null
  readonly diskFreeBytes: number | null
  /** Set while appends wait for room (`LOG_FULL`). */
  readonly full: boolean
  /** Of logs that look up by key. */
  readonly index: IndexStats | undefined
}

export interface IndexStats {
  /** `building`: it is made anew from the log, and who needs it waits. */
  readonly state: 'building' | 'following'
  /** Of the durable log, not in the index yet. */
  readonly behindBytes: number
  /** Keys whose newest row has absent cells, by table name. */
  readonly incomplete: ReadonlyMap<string, number>
}

export interface SourceLog extends AsyncDisposable {
  /** Random, made with the log; part of every cursor. */
  readonly id: string
  /**
   * Inside a unit: resolves undefined when the log can take more. With the batch that ends a unit: resolves once the
   * whole unit is durable, with the cursor behind it and, on lane `stream`, the position to acknowledge. One append at
   * a time. A rejected append leaves the log at the previous unit end: call `resume` before the next one.
   */
  append(batch: Batch, signal: AbortSignal): Promise<{ cursor: Cursor; position?: Position } | undefined>
  /** Where the source goes on. Drops a unit that was begun and not ended; undefined while nothing is stored. */
  resume(): Promise<Resume | undefined>
  /**
   * A batch never holds a truncate together with other changes of rows. Durable units only; follows the end until its
   * signal aborts. Throws CURSOR_FOREIGN, and CURSOR_EXPIRED: at the call, or while it is read, if compaction overtakes a
   * reader that is not registered.
   */
  read(
    after: Cursor | 'start',
    tables: TableFilter,
    signal: AbortSignal,
    options?: ReadOptions,
  ): AsyncIterable<LogBatch>
  /** The first durable unit end on lane `stream` whose position covers this one. */
  reached(position: Position, covers: Source['covers'], signal: AbortSignal): Promise<Cursor>
  /** The cursor behind the last durable entry; undefined while the log is empty. */
  end(): Cursor | undefined
  compare(a: Cursor, b: Cursor): 'before' | 'equal' | 'after' | 'foreign'
  /**
   * A cursor behind which stands all that was appended at this time (microseconds since 1970) or later, and little that was
   * appended before.
   */
  before?(time: bigint): Promise<Cursor | 'start'>
  lag(after: Cursor | 'start', tables: TableFilter): Promise<LogLag>
  stats(): Promise<LogStats>
  /** Every table version known, by id. */
  tables(): ReadonlyMap<number, Table>
  /** Who reads the log, and how far: all that counts of sinks that cannot keep a cursor in their target. Durable when `save` returns. */
  readonly readers: {
    register(sink: string, reads?: ReaderState['reads']): Promise<void>
    /**
     * Where a registered sink that stands at this cursor goes on (logs that compact): there, or at the start if it would
     * miss a delete that was removed. Nothing is removed that it has not read from then on, as far as it has saved.
     */
    admit?(sink: string, cursor: Cursor | undefined): Promise<Cursor | 'start'>
    load(sink: string): Promise<Cursor | undefined>
    save(sink: string, cursor: Cursor): Promise<void>
    remove(sink: string): Promise<void>
    list(): Promise<readonly ReaderState[]>
  }
  /**
   * The newest change of a key, a delete too (logs with an index). Undefined if there is none in the table's incarnation
   * since its last truncate. `durable` (default): of all that is durable at the call. `appended`: also of the unit that
   * is being appended. The view stays valid.
   */
  newest?(table: Table, key: Uint8Array, within?: 'durable' | 'appended'): Promise<LoggedChange | undefined>
  /**
   * The same as a batch of that one change, for a sink that is given it once more; its cursor is the end of what is
   * durable.
   */
  again?(table: Table, key: Uint8Array): Promise<LogBatch | undefined>
  /**
   * What is known of the key of each change in a load's batch (logs with an index), as of all that is durable at the
   * call. `none` for changes that are no row or have no key. With `pass` the keys have been noted as evidence when it
   * resolves; throws LOG_PASS_LOST, and notes none, if that pass has not begun or what it saw is gone.
   */
  states?(rows: Batch, pass?: string): Promise<RowStates>
  /** Keys whose newest row has absent cells, at most `limit`, behind `after` in the index's order. */
  incompleteKeys?(table: Table, after: Uint8Array | undefined, limit: number): Promise<readonly Uint8Array[]>
  /** The evidence of passes (logs with an index). */
  readonly passes?: Passes
  /**
   * Removes what something newer made needless from all segments that are old enough, now (logs with an index). One at a
   * time: a second call waits for its turn. What it has put in place before it fails, or is aborted, stays.
   */
  compact?(signal: AbortSignal, options?: CompactOptions): Promise<CompactionReport>
  /**
   * Removes all that the log holds of these rows, of every version and incarnation of the tables of these names: their
   * changes, deletes too, and their keys where another row's change of key names them. When it resolves no file of the
   * log's folder holds a byte of them; everything else, the order and the history with it, is as it was. Cursors from
   * before a delete that is gone are refused as after a compaction. A key that the log does not know is passed over.
   * One at a time with `compact`. Called again after a failure it removes the rest.
   *
   * Throws FORGET_LIVE while one of the rows is there, FORGET_UNREAD while a registered reader has not read the newest
   * change of each, and FORGET_LOADING while one of the tables is loaded. Nothing was removed then, unless the reader
   * has come, or gone back, in the meantime.
   */
  forget?(rows: readonly RowKey[], signal: AbortSignal): Promise<ForgetReport>
}

/**
 * `none`: no change of the key in the table's incarnation since its last truncate. `same`: its newest row has exactly
 * these cells, by a 64-bit hash of their run: whether their columns are the same ones is not looked at, so a row of a
 * version with more or fewer columns is `different`.
 */
export type KeyState = 'none' | 'same' | 'different' | 'incomplete' | 'deleted'

/** What a log knows of the keys of a batch, by the place of the change in the batch's iteration. */
export interface RowStates {
  readonly count: number
  state(row: number): KeyState
  /** Of the newest change; 0 for `none`. */
  version(row: number): bigint
  /** Of the newest change; undefined for `none` and for a row of a load. */
  transaction(row: number): TransactionId | undefined
  /** The newest truncate in the incarnation of the batch's table; its transaction is undefined where a load wrote it. */
  readonly truncated: { readonly version: bigint; readonly transaction: TransactionId | undefined } | undefined
}

/**
 * Which keys a pass has seen, kept in the index and gone with it: it outlives the process, but not a machine that stops
 * while the log is open. One pass at a time for each table.
 */
export interface Passes {
  /**
   * Begins without any evidence; that of a former pass of the table is dropped. Answers the version of the newest change
   * that is durable, of any table.
   */
  begin(table: Table, pass: string): Promise<bigint>
  /** The version of the newest change that is durable, of any table. */
  newest(): bigint
  /** The evidence of this pass is whole. */
  has(table: Table, pass: string): Promise<boolean>
  /**
   * Live keys of which there is no evidence, as of all that is durable at the call, at most `limit`, behind `after` in
   * the index's order. Where nearly all were seen it takes long (seconds for each million of keys) and holds nothing
   * up: what was appended meanwhile must be looked at before anything is made of the answer. Throws LOG_PASS_LOST.
   */
  unseen(table: Table, pass: string, after: Uint8Array | undefined, limit: number): Promise<readonly UnseenKey[]>
  end(table: Table, pass: string): Promise<void>
}

export interface UnseenKey {
  readonly key: Uint8Array
  readonly version: bigint
  /** Undefined for a row of a load. */
  readonly transaction: TransactionId | undefined
}

export interface CompactOptions {
  /** No history is kept, however young, and no delete that every registered reader has read. */
  readonly all?: boolean
}

export interface CompactionReport {
  /** Segments that were rewritten. */
  readonly segments: number
  /** Changes looked at, and those kept. */
  readonly scanned: number
  readonly kept: number
  /** Of those segments. */
  readonly bytesBefore: number
  readonly bytesAfter: number
  /** Deletes, and rows of append-only tables, up to this cursor are gone; undefined: none was ever removed. */
  readonly horizon: Cursor | undefined
}

export interface ForgetReport {
  /** For each of the rows, in their order: changes that were removed. */
  readonly removed: readonly number[]
  /** Segments that were rewritten: those that held any of it. */
  readonly segments: number
  /** Of those segments. */
  readonly bytesBefore: number
  readonly bytesAfter: number
}

// ── Sink ────────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface WriteResult {
  /** `index`: place in the batch's iteration. */
  readonly rejected: readonly { readonly index: number; readonly reason: string }[]
}

/** A row as a target holds it. */
export interface SinkRow {
  /**
   * Canonical bytes (record/key.ts), made of what the target holds: where it holds text, bytes that are not text come as
   * the text `\x` and hex. Of a table without a key: log id and version.
   */
  readonly key: Uint8Array
  /**
   * By column name, the text that the log has (`SinkPlugin.shown` tells of exceptions); null is NULL. What a mask left is
   * a value like any other. A column is missing where the target holds nothing for it, not even NULL: a row written
   * before the column was added, a cell that the log never saw.
   */
  readonly cells: ReadonlyMap<string, string | null>
  /** Set where something that is no row of the sink stands in its place. It has no cells and equals no row. */
  readonly foreign?: true
}

export interface Sink extends AsyncDisposable {
  /**
   * Applies the changes except those whose index is in `skip` (superseded or rejected). Resolved = durable in the
   * target. The same batch again must converge to the same state. Rows the target refuses are named, not thrown,
   * where the target tells them apart. A truncate comes alone in its batch; sinks that read `state` get it through
   * `truncate` instead.
   */
  write(batch: LogBatch, signal: AbortSignal, skip?: ReadonlySet<number>): Promise<WriteResult>
  /**
   * The batch that most likely comes next, while another one is being written: for work ahead that leaves the target as
   * it is. It may never be written, or in parts.
   */
  ahead?(batch: LogBatch): void
  /** All that the sink holds of the table is gone from the target when it resolves. */
  truncate?(table: Table, signal: AbortSignal): Promise<void>
  flush?(signal: AbortSignal): Promise<void>
  /** The cursor kept in the target, moved together with the data. Undefined: the target is empty, build it. */
  cursor?(signal: AbortSignal): Promise<Cursor | undefined>
  /**
   * What the target holds under these keys, in their order; undefined: no such row, or one marked as deleted. The caller
   * takes as many keys at a time as it can hold rows of; 10,000 are no problem.
   *
   * `get` and `rows` are for `tailrace verify`: a sink has both, or none where it does not keep the current rows, and it
   * then cannot be verified. They change nothing in the target. Of a table that is not there, or whose rows are of
   * another incarnation, there are no rows. They go on beside `write`: each row is as one batch left it, one that is
   * written meanwhile may be seen or not. With `onDelete: ignore` rows deleted at the source are still there.
   */
  get?(table: Table, keys: readonly Uint8Array[], signal: AbortSignal): Promise<readonly (SinkRow | undefined)[]>
  /**
   * All rows in any order, in pages of some MB at most unless a single row is larger; nothing is read ahead of the
   * caller. A row may come twice.
   */
  rows?(table: Table, signal: AbortSignal): AsyncIterable<readonly SinkRow[]>
}

export interface Target extends AsyncDisposable {
  /** Ends a former session of the same (pipeline, sink, source), reads its cursor and checks it (R8.1). */
  sink(source: { readonly name: string; readonly logId: string }, signal: AbortSignal): Promise<Sink>
}

// ── Plugins ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** One line of `tailrace check`: what was looked at, and the exact statement or edit that mends it. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'error'
  /** Where: `source app`, `sink search`. Filled by the caller. */
  readonly code: string
  readonly message: string
  readonly fix?: string
}

export interface SourceContext {
  readonly pipeline: string
  readonly name: string
  readonly logger: Logger
  /** Directory for what the source must keep beside the log; exists, 0700. */
  readonly folder: string
}
export interface LogContext extends SourceContext {}
export interface SinkContext {
  readonly pipeline: string
  readonly name: string
  readonly logger: Logger
  readonly sources: readonly string[]
  /** What a source's delete does to the row: removes it, marks it (`_deleted`), or nothing. */
  readonly onDelete: 'delete' | 'mark' | 'ignore'
  /** As which the target is opened; undefined: the live one. See `SinkPlugin.generations`. */
  readonly generation?: Generation
}

/** A sink's rows and cursors beside those that readers see: being built, or those that were live before. */
export type Generation = 'next' | 'previous'

/** A key of a table, in canonical bytes (record/key.ts). */
export interface RowKey {
  readonly table: Table
  readonly key: Uint8Array
}

/** What `tailrace init` finds in a database. */
export interface Discovery {
  readonly tables: readonly {
    readonly schema: string
    readonly table: string
    readonly key: readonly string[]
    readonly rows: number | null
    readonly bytes: number | null
    readonly problem?: string
  }[]
  /** Statements for role, grants and publication, in order. */
  readonly sql: readonly string[]
}

export interface SourcePlugin<C = unknown> {
  readonly kind: 'source'
  readonly type: string
  readonly config: ZodType<C>
  open(config: C, context: SourceContext): Promise<Source>
  /** A position of its sources in short, for people, as `binlog.000001:1684`. Absent: it is short already. */
  shown?(position: Position): string
  check?(config: C, context: SourceContext, signal: AbortSignal): Promise<readonly Finding[]>
  /** `tables`: patterns of those that are meant; without them all of the url's database, or of all databases. */
  discover?(url: string, pipeline: string, signal: AbortSignal, tables?: readonly string[]): Promise<Discovery>
  /** Drops what Tailrace made at the server (slot, publication) and answers a line for each. */
  destroy(config: C, context: SourceContext, signal: AbortSignal): Promise<readonly string[]>
}

export interface LogPlugin<C = unknown> {
  readonly kind: 'log'
  readonly type: string
  readonly config: ZodType<C>
  /** Takes the log's lock. Throws LOG_LOCKED, LOG_DAMAGED. */
  open(config: C, context: LogContext): Promise<SourceLog>
  /** Reads without the lock, beside a running process; `append` and `readers.save` throw. */
  inspect?(config: C, context: LogContext): Promise<SourceLog>
}

export interface SinkPlugin<C = unknown> {
  readonly kind: 'sink'
  readonly type: string
  readonly config: ZodType<C>
  /** `worker`: the plugin works synchronously, or in many small steps, and runs in a thread of its own. */
  readonly host?: 'main' | 'worker'
  /** `history`: wants every change; `state` (default): the newest per key is enough. */
  readonly reads?: 'state' | 'history' | ((config: C) => 'state' | 'history')
  /** Deliver marks changes that a later one of the same key in the batch supersedes, in `skip`. */
  readonly coalesce?: boolean
  /**
   * For each column what `get` and `rows` show of a value whose text in the log is this; undefined: that text. For types
   * of the target that do not keep how a value was written, so that the two can be compared. Pure. Different texts that
   * the target holds as one value get one text, all others different ones.
   */
  shown?(config: C, table: Table): readonly (((text: string) => string) | undefined)[]
  open(config: C, context: SinkContext): Promise<Target>
  check?(config: C, context: SinkContext, signal: AbortSignal): Promise<readonly Finding[]>
  /** Removes what the sink made in its target, all generations of it, and answers a line for each. */
  destroy(config: C, context: SinkContext, signal: AbortSignal): Promise<readonly string[]>
  /**
   * Set if a target opened with `SinkContext.generation` keeps rows and cursors of its own, which no reader of the live
   * ones comes upon. Two generations are open at a time, in one process.
   */
  readonly generations?: Generations<C>
  /**
   * After these rows were deleted, and the sink has applied that: rewrites what the target keeps in files until no byte of
   * them is left there, with `mode: changes` the changes of these keys too. No target of the sink is open. Answers a line
   * for each file that was gone over. Absent: the sink keeps nothing in files of its own.
   */
  purge?(config: C, context: SinkContext, what: Purge, signal: AbortSignal): Promise<readonly string[]>
}

export interface Purge {
  /** Whose files are gone over: those of the rows, or of which everything that was replaced is to go. */
  readonly tables: readonly Table[]
  readonly rows: readonly RowKey[]
}

/**
 * No target of the generations concerned is open during these calls (of `swap` none at all). Each is durable when it
 * resolves, and can be repeated after a crash in the middle of it. `context.generation` is undefined.
 */
export interface Generations<C> {
  /** Why a sink with this configuration has none; undefined: it has. */
  refusal?(config: C): string | undefined
  /**
   * `next` becomes the live generation, with its cursors, and what was live becomes `previous`, in the place of an older
   * one. A reader sees each row as it was or as it is, never neither of them. Nothing happens where there is no `next`.
   */
  swap(config: C, context: SinkContext, signal: AbortSignal): Promise<void>
  /** `previous` becomes `next`, in the place of one that is there. Answers false where there is none. */
  recall(config: C, context: SinkContext, signal: AbortSignal): Promise<boolean>
  /** Removes this generation and its cursors. */
  drop(config: C, context: SinkContext, generation: Generation, signal: AbortSignal): Promise<void>
}
