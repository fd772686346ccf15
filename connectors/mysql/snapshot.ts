import type {
  Batch,
  Chunk,
  LoadProgress,
  LoadRequest,
  Position,
  SourceIdentity,
  Table,
} from '../../runtime/contract.ts'
import { TailraceError } from '../../runtime/errors.ts'
import { Turnstile } from '../common/turnstile.ts'
import type { Captured } from './catalog.ts'
import type { MysqlConfig } from './config.ts'
import { ServerError, serverErrno } from './connection-error.ts'
import { FIRST_FENCE } from './fence.ts'
import { LoadLane, selectList } from './load-lane.ts'
import { formatLoadState, type Segment } from './load-state.ts'
import type { QueryWire } from './query-wire.ts'
import { serverTime } from './read-view.ts'
import { dividingColumn, segmentsOf } from './segments.ts'
import type { SharedReaders } from './shared-readers.ts'
import type { Charsets } from './values/charsets.ts'
import { withinSegment } from './walk.ts'

export interface SnapshotContext {
  readonly config: MysqlConfig
  readonly readers: SharedReaders
  readonly captured: Captured
  readonly charsets: Charsets
  /** Where the stream begins. */
  readonly position: Position
  /** Every table version so far: what batches of this source may name. Takes up what is announced. */
  readonly registry: Map<number, Table>
  /** Tables to make known in the first unit beside this one: those that are loaded later. */
  readonly announce: readonly Table[]
  /** Stored with the first unit, so that a load that was interrupted can tell where its stream begins. */
  readonly identity: SourceIdentity | undefined
}

/**
 * Reads a table from the state that all readers share, as units of lane `load:<table>`. The first chunk announces the
 * table and, for a restart, truncates it. Throws LOAD_INTERRUPTED (retry: what counts is kept, the rest is read beside the
 * stream) if the table was altered, VALUE_TOO_LARGE.
 */
export async function* loadShared(
  request: LoadRequest,
  context: SnapshotContext,
  signal: AbortSignal,
): AsyncGenerator<Chunk> {
  const load = new Load(request, context, signal)
  try {
    yield* load.chunks()
  } catch (error) {
    signal.throwIfAborted()
    throw loadError(error, context.captured.table)
  } finally {
    await load[Symbol.asyncDispose]()
  }
}

class Load implements AsyncDisposable {
  readonly #request: LoadRequest
  readonly #context: SnapshotContext
  readonly #ending = new AbortController()
  readonly #signal: AbortSignal
  readonly #turnstile = new Turnstile<Batch>()
  #working: Promise<unknown> = Promise.resolve()
  /** For the first unit. */
  #identity: SourceIdentity | undefined
  /** Not begun; and not in the log, though perhaps read. */
  #waiting: Segment[] = []
  #left: readonly Segment[] = []
  #isDivided = false
  #rows = 0

  constructor(request: LoadRequest, context: SnapshotContext, signal: AbortSignal) {
    this.#request = request
    this.#context = context
    this.#identity = context.identity
    this.#signal = AbortSignal.any([signal, this.#ending.signal])
  }

  async *chunks(): AsyncGenerator<Chunk> {
    const { captured, announce, readers } = this.#context
    let time = 0n
    await readers.use(async wire => {
      time = await serverTime(wire)
      this.#left = await segmentsOf(wire, captured)
    }, this.#signal)
    this.#waiting = [...this.#left]
    this.#isDivided = this.#left.length > 1
    const opening = this.#lane(time)
    opening.units.announce([captured.table, ...announce.filter(({ id }) => id !== captured.table.id)])
    if (this.#request.restart) opening.units.truncate()
    const lanes = [opening]
    if (this.#isDivided) {
      // Rows of the second lane may be ahead of those of the first, but not of the table's announcement.
      yield this.#chunk(this.#take(opening))
      lanes.push(this.#lane(time))
    }
    const ended = Promise.all(lanes.map(lane => this.#work(lane))).then(() => undefined)
    this.#working = ended
    for await (const batch of this.#turnstile.until(ended)) yield this.#chunk(batch)
    for (const lane of lanes.slice(1)) if (lane.units.rows > 0) yield this.#chunk(this.#take(lane))
    this.#left = []
    yield this.#chunk(this.#take(opening, true))
  }

  /** On behalf of one connection: the next segment, until there is none. */
  async #work(lane: LoadLane): Promise<void> {
    await this.#context.readers.use(async wire => {
      for (let segment = this.#waiting.shift(); segment !== undefined; segment = this.#waiting.shift())
        await this.#read(wire, lane, segment)
    }, this.#signal)
  }

  async #read(wire: QueryWire, lane: LoadLane, segment: Segment): Promise<void> {
    const { captured } = this.#context
    const conditions = withinSegment(dividingColumn(captured) ?? '', segment)
    const where = conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`
    await wire.rows(`SELECT ${selectList(captured)} FROM ${captured.relation}${where}`, lane)
    if (!this.#isDivided) return
    const held = this.#turnstile.put(this.#take(lane, false, segment))
    if (held !== undefined) await held
  }

  /** `read`: a segment that ends with these rows. */
  #take(lane: LoadLane, done = false, read?: Segment): Batch {
    if (read !== undefined) this.#left = this.#left.filter(segment => segment !== read)
    const identity = this.#identity
    this.#identity = undefined
    return lane.units.take(this.#progress(lane.units.rows, done), identity)
  }

  #lane(time: bigint): LoadLane {
    const { captured, config, position, registry, charsets } = this.#context
    const lane: LoadLane = new LoadLane({
      captured,
      charsets,
      registry,
      maxValueBytes: config.maxValueBytes,
      onFull: () => this.#turnstile.put(this.#take(lane)),
    })
    lane.units.under(position, time)
    return lane
  }

  #progress(rows: number, done: boolean): LoadProgress {
    this.#rows += rows
    const { estimatedRows } = this.#request
    const atLeast = estimatedRows === null ? null : Math.max(estimatedRows, this.#rows)
    const state = formatLoadState({ table: this.#context.captured.table.id, left: this.#left })
    return { done, rows: this.#rows, totalRows: done ? this.#rows : atLeast, state }
  }

  #chunk(rows: Batch): Chunk {
    const { captured, position } = this.#context
    const { progress } = rows.end as { readonly progress: LoadProgress }
    return { table: captured.table, fence: { data: FIRST_FENCE, high: position }, rows, progress }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    await Promise.allSettled([this.#working])
  }
}

const ALTERED = new Set<number>([ServerError.tableUnknown, ServerError.columnUnknown, ServerError.tableChanged])

function loadError(error: unknown, table: Table): unknown {
  if (!ALTERED.has(serverErrno(error) ?? 0)) return error
  return new TailraceError(
    'LOAD_INTERRUPTED',
    'retry',
    `The first load of ${table.name} does not count: it was altered.`,
    {
      hint: 'It goes on by itself, with what still counts.',
      cause: error,
    },
  )
}
