import type {
  Batch,
  Chunk,
  LoadProgress,
  LoadRequest,
  Position,
  SourceIdentity,
  Table,
} from '../../runtime/contract.ts'
import { errorCode, errorMessage, TailraceError } from '../../runtime/errors.ts'
import { Turnstile } from '../common/turnstile.ts'
import type { Captured } from './catalog.ts'
import { filesOf } from './catalog-rows.ts'
import type { PostgresConfig } from './config.ts'
import { postgresError } from './connection.ts'
import type { FastLane } from './fast-lane.ts'
import { EXPORTED_FENCE } from './fence.ts'
import { LoadLane } from './load-lane.ts'
import { type LoadPlan, planLoad } from './ranges.ts'
import { ReadRanges } from './read-ranges.ts'
import { SnapshotGone, type SnapshotReaders } from './snapshot-readers.ts'
import type { StateLook } from './state-look.ts'

export interface LoadContext {
  readonly config: PostgresConfig
  readonly readers: SnapshotReaders
  readonly states: StateLook
  readonly consistentPoint: Position
  readonly captured: Captured
  /** Every table version so far: what batches of this source may name. Takes up what is announced. */
  readonly registry: Map<number, Table>
  /** Tables to make known in the first unit beside this one: those that are loaded later. */
  readonly announce: readonly Table[]
  /** Whose snapshot it is. */
  readonly slot: string
  /** Stored with the first unit, so that a load that was interrupted can tell whether it may go on. */
  readonly identity: SourceIdentity | undefined
  /** Ends the load before its table is read, if the table has a key. */
  readonly fastLane: FastLane
}

/**
 * Reads a table under the exported snapshot, as units of lane `load:<table>`. The first chunk announces the table
 * (its `s`) and, for a restart, truncates it; the last has `progress.done`, or not where time is up: the rest is then read
 * beside the stream. Throws LOAD_INTERRUPTED (retry: what
 * counts is kept, the rest is read beside the stream) if the snapshot is gone or the table was rewritten, VALUE_TOO_LARGE.
 */
export async function* loadTable(
  request: LoadRequest,
  context: LoadContext,
  signal: AbortSignal,
): AsyncGenerator<Chunk> {
  const load = new Load(request, context, signal)
  try {
    yield* load.chunks()
  } catch (error) {
    signal.throwIfAborted()
    throw loadError(error, context)
  } finally {
    await load[Symbol.asyncDispose]()
  }
}

class Load implements AsyncDisposable {
  readonly #request: LoadRequest
  readonly #context: LoadContext
  readonly #ending = new AbortController()
  readonly #signal: AbortSignal
  readonly #turnstile = new Turnstile<Batch>()
  #working: Promise<unknown> = Promise.resolve()
  /** For the first unit. */
  #identity: SourceIdentity | undefined
  readonly #plan: LoadPlan
  readonly #ranges: ReadRanges
  #next = 0
  #rows = 0

  constructor(request: LoadRequest, context: LoadContext, signal: AbortSignal) {
    this.#request = request
    this.#context = context
    this.#identity = context.identity
    this.#signal = AbortSignal.any([signal, this.#ending.signal])
    this.#plan = planLoad(context.captured)
    this.#ranges = new ReadRanges(this.#plan.ranges)
  }

  async *chunks(): AsyncGenerator<Chunk> {
    const { captured, announce, readers } = this.#context
    const time = await readers.now(this.#signal)
    const opening = this.#lane(time)
    const lanes = [opening]
    opening.units.announce([captured.table, ...announce.filter(({ id }) => id !== captured.table.id)])
    if (this.#request.restart) opening.units.truncate()
    if (this.#plan.ranges.length > 1 && !this.#isOver) {
      // Rows of the second lane may be ahead of those of the first, but not of the table's announcement.
      yield this.#chunk(this.#take(opening))
      lanes.push(this.#lane(time))
    }
    const ended = Promise.all(lanes.map(lane => this.#work(lane))).then(() => undefined)
    this.#working = ended
    for await (const batch of this.#turnstile.until(ended)) yield this.#chunk(batch)
    for (const lane of lanes.slice(1)) if (lane.units.rows > 0) yield this.#chunk(this.#take(lane))
    await this.#requireState()
    for (const lane of lanes) this.#ranges.taken(lane)
    yield this.#chunk(this.#take(opening, this.#ranges.areAll))
  }

  /** A table without a key can be read in no other way. */
  get #isOver(): boolean {
    return this.#context.captured.table.key.length > 0 && this.#context.fastLane.isOver
  }

  /** On behalf of one connection: the next range, until there is none or time is up. */
  async #work(lane: LoadLane): Promise<void> {
    const { ranges } = this.#plan
    if (ranges.length === 0 || this.#isOver) return
    await this.#context.readers.use(async reader => {
      const isAlone = ranges.length === 1
      if (!isAlone) await reader.enter()
      while (this.#next < ranges.length && !this.#isOver) {
        const range = ranges[this.#next++]!
        if (isAlone) await reader.readAlone(range.sql, lane)
        else await reader.read(range.sql, lane)
        this.#ranges.ended(lane, range)
      }
      if (!isAlone) await reader.leave()
    }, this.#signal)
  }

  #take(lane: LoadLane, done = false): Batch {
    this.#ranges.taken(lane)
    const identity = this.#identity
    this.#identity = undefined
    return lane.units.take(this.#progress(lane.units.rows, done), identity)
  }

  #lane(time: bigint): LoadLane {
    const { captured, config, consistentPoint, registry } = this.#context
    const lane: LoadLane = new LoadLane({
      captured,
      registry,
      columns: this.#plan.columns.length,
      maxValueBytes: config.maxValueBytes,
      onFull: () => this.#turnstile.put(this.#take(lane)),
    })
    lane.units.under(consistentPoint, time)
    return lane
  }

  #progress(rows: number, done = false): LoadProgress {
    this.#rows += rows
    const { estimatedRows } = this.#request
    const atLeast = estimatedRows === null ? null : Math.max(estimatedRows, this.#rows)
    const { captured, slot, consistentPoint } = this.#context
    const { attributes, table, leaves } = captured
    const at = { attributes, slot, point: consistentPoint, table: table.id }
    const state = this.#ranges.state(done ? { ...at, files: filesOf(leaves) } : at)
    return { done, rows: this.#rows, totalRows: done ? this.#rows : atLeast, state }
  }

  #chunk(rows: Batch): Chunk {
    const { captured, consistentPoint, fastLane } = this.#context
    fastLane.read(rows.bytes.length)
    const progress = rows.end as { readonly progress: LoadProgress }
    return {
      table: captured.table,
      fence: { data: EXPORTED_FENCE, high: consistentPoint },
      rows,
      progress: progress.progress,
    }
  }

  /**
   * A rewrite or a truncate makes a table look empty to an older snapshot, so what was read counts only if the table is
   * still the one that was captured, which was before the snapshot (R4.1).
   */
  async #requireState(): Promise<void> {
    const { captured, states } = this.#context
    if ((await states.of(captured.oid)) !== captured.state)
      throw interrupted(captured, 'it was altered, rewritten or truncated meanwhile')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    await Promise.allSettled([this.#working])
  }
}

/** Undefined table or column. */
const GONE = new Set(['42P01', '42703'])

function loadError(error: unknown, { captured, config }: LoadContext): TailraceError {
  if (error instanceof SnapshotGone) return interrupted(captured, 'the snapshot it was read under is gone', error.cause)
  if (GONE.has(errorCode(error) ?? '')) return interrupted(captured, errorMessage(error), error)
  return postgresError(error, config)
}

function interrupted({ table }: Captured, why: string, cause?: unknown): TailraceError {
  return new TailraceError('LOAD_INTERRUPTED', 'retry', `The first load of ${table.name} does not count: ${why}.`, {
    hint: 'It goes on by itself, with what still counts.',
    cause,
  })
}
